from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.site.charts import WIDTH, Chart, Row, draw_bars, draw_steps

SVG = "{http://www.w3.org/2000/svg}"
PRINTABLE = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")
LABELS = st.text(PRINTABLE, min_size=1, max_size=40)
ROWS = st.lists(
    st.builds(
        lambda label, counts, rest: Row(label, counts, sum(counts) + rest),
        LABELS,
        st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)),
        st.integers(0, 9_000),
    ),
    max_size=12,
)


def build(rows: list[Row]) -> Chart:
    return Chart(
        "far", "How <far>?", 'By "year" & region', "Year", ["Complete", "Limited"], ["complete", "limited"], rows, "All"
    )


def parse(text: str) -> ET.Element:
    # Not of a Markup, which would escape what replaces.
    return ET.fromstring(str.__str__(text).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@given(ROWS)
@pytest.mark.parametrize("draw", [draw_bars, draw_steps])
def test_a_chart_is_well_formed_has_a_title_and_a_description_and_stays_inside(draw: object, rows: list[Row]) -> None:
    chart = build(rows)
    root = parse(draw(chart))  # type: ignore[operator]  # one of the two
    assert [root.findtext(f"{SVG}{name}") for name in ("title", "desc")] == [chart.title, chart.description]
    assert root.get("aria-labelledby") == "far-title far-description"
    for rectangle in root.iter(f"{SVG}rect"):
        assert 0 <= float(rectangle.get("x", "")) + float(rectangle.get("width", "")) <= WIDTH


def test_bars_are_as_long_as_their_counts() -> None:
    root = parse(draw_bars(build([Row("2015", (3, 1), 8), Row("2018", (0, 2), 2)])))
    widths = {(each.get("class"), each.get("y")): float(each.get("width", "")) for each in root.iter(f"{SVG}rect")}
    complete, limited = widths["complete", "8"], widths["limited", "8"]
    assert complete == pytest.approx(3 * limited, rel=0.01)
    assert widths["of-total", "8"] == pytest.approx(8 * limited, rel=0.01)
    assert widths["limited", "34"] == pytest.approx(2 * limited, rel=0.01)


@given(ROWS)
def test_the_data_are_the_table(rows: list[Row]) -> None:
    chart = build(rows)
    head, *lines = csv.reader(io.StringIO(chart.to_csv()))
    assert head == ["Year", "Complete", "Limited", "All"]
    assert lines == [[row.label, *map(str, row.counts), str(row.total)] for row in rows]
