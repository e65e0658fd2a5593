"""Writes the tables and the chart of runs for readers: `docs/performance.md`, and the summary in `README.md`.

    python -m bench.serving.page bench/results/serving-….json …

The first run is the one of the chart and the summary; others may add scenarios, such as `cold`, which takes long. So no
figure there is written by hand. Where a paragraph explains a figure, it is in `docs/measuring.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.serving.fleet import FLOOR, OGPGRAPH_SQLITE, POSTGRAPHILE
from bench.serving.load import CONNECTIONS
from bench.serving.measuring import OGPGRAPH_ONLY, Scenario
from bench.serving.operations import Operation
from bench.serving.report import Result, draw_chart, format_spread
from bench.serving.summary import Summary

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "performance.md"
CHART: Final = ROOT / "docs" / "images" / "performance.svg"
README: Final = ROOT / "README.md"
BEGIN, END = "<!-- figures of bench.serving.page -->", "<!-- end of the figures -->"
"""What stands in between is written by this program."""

Cells = Sequence[str]


def build_page(results: Sequence[Result]) -> str:
    """Return the page: what was measured where, the tables of all scenarios, and where other servers are faster."""
    parts = [
        "# How fast it serves",
        "Written by `python -m bench.serving.page` from runs of `make bench`. [How it is measured](measuring.md).",
        "![Requests per second](images/performance.svg)",
        *_iter_sections(results),
        _build_slower([each for result in results for each in result.summaries]),
        "## Caveats",
        *results[0].caveats,
    ]
    return "\n\n".join(each for each in parts if each) + "\n"


def build_summary(result: Result) -> str:
    """Return the tables of requests in a second, while nobody writes and with mutations."""
    head = f"Requests per second to one process, of {CONNECTIONS} clients: {_describe_run(result)}."
    scenarios = (Scenario.IDLE, Scenario.WRITES)
    tables = (_build_table([each for each in result.summaries if each.scenario == name.name]) for name in scenarios)
    titles = (f"{name.value[0].upper()}{name.value[1:]}:" for name in scenarios)
    return "\n\n".join([head, *(f"{title}\n\n{table}" for title, table in zip(titles, tables, strict=True))])


def replace_between(text: str, figures: str) -> str:
    """Return a text with other figures between its two marks; raises ValueError where it has none."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"a line {BEGIN} and a line {END} are missing")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def _describe_run(result: Result) -> str:
    environment = result.environment
    writes = f", {environment.writes_per_second:g} mutations/s due where there are writes"
    return (
        f"{environment.date[:10]}, commit `{environment.commit}`, {environment.cores} × {environment.processor}, "
        f"{environment.commitments:,} commitments, {environment.entries:,} entries, medians of "
        f"{result.rounds} rounds of {environment.seconds:g} s{writes}"
    )


def _iter_sections(results: Sequence[Result]) -> Iterator[str]:
    """Yield a section for each scenario, of the first run that has it."""
    for scenario in Scenario:
        yield next(filter(None, (_build_section(result, scenario) for result in results)), "")


def _build_section(result: Result, scenario: Scenario) -> str:
    found = [each for each in result.summaries if each.scenario == scenario.name]
    if not found:
        return ""
    build = _build_own_table if scenario in OGPGRAPH_ONLY else _build_table
    title = f"## {scenario.name.capitalize().replace('_', ' ')}: {scenario.value}"
    return f"{title}\n\n{_describe_run(result)}\n\n{build(found)}"


def _build_table(summaries: Sequence[Summary]) -> str:
    """Return a table with a row for each operation and a column for each server."""
    servers = list(dict.fromkeys(each.server for each in summaries))
    by_place = {(each.operation, each.server): each for each in summaries}
    rows = [
        [_describe_operation(name), *(_format_rate(by_place.get((name, server))) for server in servers)]
        for name in dict.fromkeys(each.operation for each in summaries)
    ]
    return _format_table(["", *servers], rows)


def _format_rate(summary: Summary | None) -> str:
    """Return a rate, how many times that of PostGraphile it is, and the rate of the writes that went on."""
    if summary is None:
        return ""
    ratio = summary.ratios.get(POSTGRAPHILE)
    multiple = f" ({ratio.median:.2g} ×)" if ratio and summary.server.startswith("ogpgraph") else ""
    writes = "" if summary.writes_per_second is None else f"; {summary.writes_per_second:.0f} writes/s"
    return f"{summary.per_second.median:,.0f}{multiple}{writes}"


def _build_own_table(summaries: Sequence[Summary]) -> str:
    """Return a table with a row for each operation and server, and the ratio to the server's idle rate."""
    rows = [
        [
            _describe_operation(each.operation),
            each.server,
            format_spread(each.per_second, 0),
            f"{each.p50_ms:.1f} / {each.p99_ms:.1f}",
            f"{each.cpu_ms:.2f}",
            f"{ratio.median:.2f}" if (ratio := each.ratios.get(Scenario.IDLE.name)) else "",
        ]
        for each in summaries
    ]
    return _format_table(["", "server", "per second [rounds]", "p50 / p99 ms", "CPU ms", "of the idle rate"], rows)


def _build_slower(summaries: Sequence[Summary]) -> str:
    """Return the list of operations and scenarios in which another server, but for the floor, answers more."""
    lines = list(_list_slower(summaries))
    found = "\n".join(lines) if lines else "Nowhere in this run."
    return f"## Where other servers are faster than ogpgraph on SQLite\n\n{found}"


def _list_slower(summaries: Sequence[Summary]) -> Iterator[str]:
    for each in summaries:
        if each.server != OGPGRAPH_SQLITE or Scenario[each.scenario] in OGPGRAPH_ONLY:
            continue
        for name, ratio in each.ratios.items():
            if ratio.median < 1 and name not in (FLOOR, Scenario.IDLE.name):
                yield f"- {each.operation}, {each.scenario.lower()}: {ratio.median:.2g} times the rate of {name}"


def _describe_operation(name: str) -> str:
    return f"{name}: {Operation[name].value}"


def _format_table(head: Cells, rows: Sequence[Cells]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("results", type=Path, nargs="+", help="the JSON files that `make bench` has written")
    files: Sequence[Path] = parser.parse_args().results
    results = [msgspec.json.decode(each.read_bytes(), type=Result) for each in files]
    PAGE.write_text(build_page(results))
    CHART.write_text(draw_chart(results[0]))
    README.write_text(replace_between(README.read_text(), build_summary(results[0])))


if __name__ == "__main__":
    main()
