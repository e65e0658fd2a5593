"""A chart of horizontal bars as an SVG: groups of bars on one logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LABEL_WIDTH, FIGURE_WIDTH = 860, 250, 70
BAR_HEIGHT, GAP, GROUP_HEAD, HEAD, MARGIN = 16, 4, 34, 62, 16
OURS, OTHERS = "#1f6feb", "#8c959f"
_STYLE = "font-family='system-ui, sans-serif'"


class Bar(NamedTuple):
    """A bar with its label."""

    label: str
    value: float
    is_ours: bool


class Group(NamedTuple):
    """Bars with a title."""

    title: str
    bars: Sequence[Bar]


def draw_bars(title: str, subtitle: str, groups: Sequence[Group]) -> str:
    """Return the SVG; values that are not positive have no bar."""
    values = [bar.value for group in groups for bar in group.bars if bar.value > 0]
    scale = Scale.of(values)
    body, y = [], float(HEAD)
    for group in groups:
        y += GROUP_HEAD
        body.append(_text(MARGIN, y - 8, group.title, size=13, weight="600"))
        for bar in group.bars:
            body += _draw_bar(bar, y, scale)
            y += BAR_HEIGHT + GAP
    height = y + MARGIN
    head = [_text(MARGIN, 26, title, size=17, weight="600"), _text(MARGIN, 46, subtitle, size=11)]
    lines = [*_draw_decades(scale, HEAD, y)]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height:.0f}' "
        f"viewBox='0 0 {WIDTH} {height:.0f}'>\n<rect width='100%' height='100%' fill='white'/>\n"
        + "\n".join([*lines, *head, *body])
        + "\n</svg>\n"
    )


class Scale(NamedTuple):
    """A logarithmic scale from one power of ten to another."""

    lowest: int
    highest: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale:
        """Return the scale that all values are on."""
        if not values:
            return cls(0, 1)
        lowest, highest = math.ceil(math.log10(min(values))) - 1, math.ceil(math.log10(max(values)))
        return cls(lowest, max(highest, lowest + 1))

    def length(self, value: float) -> float:
        """Return the length of a bar."""
        share = (math.log10(value) - self.lowest) / (self.highest - self.lowest) if value > 0 else 0.0
        return share * (WIDTH - LABEL_WIDTH - FIGURE_WIDTH - MARGIN)


def _draw_bar(bar: Bar, y: float, scale: Scale) -> list[str]:
    length, color = scale.length(bar.value), OURS if bar.is_ours else OTHERS
    rectangle = f"<rect x='{LABEL_WIDTH}' y='{y:.1f}' width='{length:.1f}' height='{BAR_HEIGHT}' fill='{color}'/>"
    return [
        _text(LABEL_WIDTH - 8, y + 12, bar.label, anchor="end"),
        rectangle,
        _text(LABEL_WIDTH + length + 6, y + 12, format_value(bar.value)),
    ]


def _draw_decades(scale: Scale, top: float, bottom: float) -> Iterator[str]:
    for exponent in range(scale.lowest, scale.highest + 1):
        x = LABEL_WIDTH + scale.length(10.0**exponent)
        yield f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top}' y2='{bottom:.1f}' stroke='#d0d7de' stroke-width='1'/>"
        yield _text(x, top + 10, format_value(10.0**exponent), anchor="middle", size=10)


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", weight: str = "400") -> str:
    attributes = f"x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' font-weight='{weight}' {_STYLE}"
    return f"<text {attributes}>{escape(text)}</text>"


def format_value(value: float) -> str:
    """Return a figure with about three significant digits."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
