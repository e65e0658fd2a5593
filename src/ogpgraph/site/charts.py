"""Charts as SVG, drawn on the server: each has a title, a description, its table, and its data as CSV.

A chart is a table of numbers: rows with a label, and series. It is drawn in the colours of the style sheet, with
patterns beside them where two values meet, so that nothing is told by colour alone. Sizes are in units of the view box,
which the page scales.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 640
_LABEL_WIDTH: Final = 170
_VALUE_WIDTH: Final = 64
_ROW_HEIGHT: Final = 26
_BAR_HEIGHT: Final = 16
_LINES_HEIGHT: Final = 220
_MARGIN: Final = 8


@dataclass(frozen=True)
class Chart:
    """A table of counts. `total` of a row is its denominator; a row without one is not a share of anything.

    `name` names it in addresses, `first` is the heading of the labels, `classes` are those of the series in the style
    sheet.
    """

    name: str
    title: str
    description: str
    first: str
    series: Sequence[str]
    classes: Sequence[str]
    rows: Sequence[Row]
    total: str = ""

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to draw."""
        return not any(sum(row.counts) for row in self.rows)

    def to_csv(self) -> str:
        """Return the table as CSV (RFC 4180)."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow([self.first, *self.series, *([self.total] if self.total else [])])
        writer.writerows([row.label, *row.counts, *([row.total] if self.total else [])] for row in self.rows)
        return out.getvalue()


@dataclass(frozen=True)
class Row:
    """A row of a chart: the counts of its series, and the number of things that they are of."""

    label: str
    counts: Sequence[int]
    total: int | None = None
    link: str | None = None


def draw_bars(chart: Chart) -> Markup:
    """Return horizontal bars: one for each row, divided among the series, as long as its share of the longest."""
    height = len(chart.rows) * _ROW_HEIGHT + _MARGIN
    longest = max((row.total or sum(row.counts) for row in chart.rows), default=0) or 1
    bars = Markup("").join(_draw_bar(row, chart, number, longest) for number, row in enumerate(chart.rows))
    return _frame(chart, height, bars)


def _draw_bar(row: Row, chart: Chart, number: int, longest: int) -> Markup:
    top = number * _ROW_HEIGHT + _MARGIN
    scale = (WIDTH - _LABEL_WIDTH - _VALUE_WIDTH) / longest
    middle = top + _BAR_HEIGHT - 3
    pieces = [_text(_LABEL_WIDTH - 8, middle, _shorten(row.label), "end")]
    left = float(_LABEL_WIDTH)
    if row.total:
        pieces.append(_rectangle(left, top, row.total * scale, "of-total"))
    for count, class_ in zip(row.counts, chart.classes, strict=True):
        if count:
            pieces.append(_rectangle(left, top, count * scale, class_))
            left += count * scale
    counted = sum(row.counts)
    value = f"{counted}/{row.total}" if row.total is not None else str(counted)
    end = _LABEL_WIDTH + (row.total or counted) * scale
    pieces.append(_text(end + 6, middle, value, "start"))
    return Markup("").join(pieces)


def draw_steps(chart: Chart) -> Markup:
    """Return lines that stay level from one row to the next: one for each series, the rows from left to right."""
    highest = max((max(row.counts, default=0) for row in chart.rows), default=0) or 1
    width, height = WIDTH - 2 * _VALUE_WIDTH, _LINES_HEIGHT - 40
    step = width / max(1, len(chart.rows) - 1)
    points = [
        [
            (_VALUE_WIDTH + place * step, 10 + height - row.counts[number] * height / highest)
            for place, row in enumerate(chart.rows)
        ]
        for number in range(len(chart.series))
    ]
    axis = Markup('<path class="axis" d="M{} 10V{}H{}"/>').format(_VALUE_WIDTH, 10 + height, _VALUE_WIDTH + width)
    lines = Markup("").join(map(_draw_line, points, chart.classes))
    labels = Markup("").join(_axis_labels(chart, step, height, highest))
    return _frame(chart, _LINES_HEIGHT, axis + lines + labels)


def _draw_line(points: list[tuple[float, float]], class_: str) -> Markup:
    if not points:
        return Markup("")
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in points[1:])
    dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(class_, *points[-1])
    return Markup('<path class="line {}" d="{}"/>').format(class_, path) + dot


def _axis_labels(chart: Chart, step: float, height: int, highest: int) -> Iterator[Markup]:
    yield _text(_VALUE_WIDTH - 8, 16, str(highest), "end")
    yield _text(_VALUE_WIDTH - 8, 14 + height, "0", "end")
    every = max(1, -(-len(chart.rows) // 6))  # at most six fit beside each other
    for place in range(0, len(chart.rows), every):
        yield _text(_VALUE_WIDTH + place * step, 30 + height, chart.rows[place].label, "middle")


def _frame(chart: Chart, height: int, content: Markup) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="{name}-title {name}-description">'
        '<title id="{name}-title">{title}</title><desc id="{name}-description">{description}</desc>{content}</svg>'
    ).format(
        width=WIDTH, height=height, name=chart.name, title=chart.title, description=chart.description, content=content
    )


def _rectangle(left: float, top: float, width: float, class_: str) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
        class_, left, top, max(width, 0.5), _BAR_HEIGHT
    )


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, escape(text))


def _shorten(label: str) -> str:
    return label if len(label) <= 26 else f"{label[:25].rstrip()}…"
