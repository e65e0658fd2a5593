"""Medians of rounds, and ratios of paired rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median

import msgspec

from bench.serving.measuring import Measurement
from bench.serving.servers import WORKERS_SUFFIX

Key = tuple[str, str, str]
"""Operation, scenario and server."""
Rounds = Mapping[int, float]
"""Round → a figure."""


class Spread(msgspec.Struct, frozen=True):
    """A median with the least and the greatest of the rounds."""

    median: float
    least: float
    greatest: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The rounds of one server with one operation in one scenario.

    A ratio is of the requests in a second to those of another server, or of the same server while idle; a ratio of
    processor time is of the other's for a request to that of this one, so that more is better in both. They are
    medians of the ratios of each round.
    """

    server: str
    operation: str
    scenario: str
    rounds: int
    per_second: Spread
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_ms: float
    resident_mb: float
    errors: int
    bytes_each: float
    writes_per_second: float | None
    write_p50_ms: float | None
    write_p99_ms: float | None
    writes_refused: int
    ratios: dict[str, Spread]
    cpu_ratios: dict[str, Spread]


def spread(values: Iterable[float]) -> Spread:
    """Return median, least and greatest of some values."""
    ordered = sorted(values)
    return Spread(median(ordered), ordered[0], ordered[-1])


def paired_ratio(ours: Rounds, theirs: Rounds) -> Spread | None:
    """Return the spread of the ratios of rounds that both have; None where there are none."""
    ratios = [ours[each] / theirs[each] for each in ours if theirs.get(each)]  # a measured 0 is below the resolution
    return spread(ratios) if ratios else None


def summarize(measurements: Sequence[Measurement], idle: str, references: Sequence[str]) -> list[Summary]:
    """Return a summary of each server, operation and scenario, in the order in which they were measured.

    `idle` is the scenario, and `references` are the servers, that ratios are to.
    """
    groups: dict[Key, list[Measurement]] = {}
    for each in measurements:
        groups.setdefault((each.operation, each.scenario, each.server), []).append(each)
    others = {key: _others(key, idle, references) for key in groups}
    rates = {key: {each.round: each.load.per_second for each in group} for key, group in groups.items()}
    costs = {key: {each.round: each.cpu_ms for each in group} for key, group in groups.items()}
    return [
        _summarize(
            group,
            dict(_ratios(rates[key], rates, others[key])),
            {name: _invert(ratio) for name, ratio in _ratios(costs[key], costs, others[key]) if ratio.least},
        )
        for key, group in groups.items()
    ]


def _others(key: Key, idle: str, references: Sequence[str]) -> dict[str, Key]:
    """Return name → key of what the figures of a key are divided by."""
    operation, scenario, server = key
    others = {reference: (operation, scenario, reference) for reference in references if reference != server}
    if scenario != idle:
        others[idle] = (operation, idle, server.removesuffix(WORKERS_SUFFIX))
    return others


def _ratios(ours: Rounds, figures: Mapping[Key, Rounds], others: Mapping[str, Key]) -> Iterator[tuple[str, Spread]]:
    for name, other in others.items():
        if ratio := paired_ratio(ours, figures.get(other, {})):
            yield name, ratio


def _invert(ratio: Spread) -> Spread:
    return Spread(1 / ratio.median, 1 / ratio.greatest, 1 / ratio.least)


def _summarize(group: Sequence[Measurement], ratios: dict[str, Spread], cpu_ratios: dict[str, Spread]) -> Summary:
    def middle(figure: Callable[[Measurement], float]) -> float:
        return median(figure(each) for each in group)

    first, writes = group[0], [each.writes for each in group if each.writes]
    return Summary(
        server=first.server,
        operation=first.operation,
        scenario=first.scenario,
        rounds=len(group),
        per_second=spread(each.load.per_second for each in group),
        p50_ms=middle(lambda each: each.load.p50_ms),
        p99_ms=middle(lambda each: each.load.p99_ms),
        max_ms=max(each.load.max_ms for each in group),
        cpu_ms=middle(lambda each: each.cpu_ms),
        resident_mb=middle(lambda each: each.resident_mb),
        errors=sum(each.load.errors for each in group),
        bytes_each=middle(lambda each: each.load.bytes / max(1, each.load.requests)),
        writes_per_second=median(each.per_second for each in writes) if writes else None,
        write_p50_ms=median(each.p50_ms for each in writes) if writes else None,
        write_p99_ms=median(each.p99_ms for each in writes) if writes else None,
        writes_refused=sum(each.refused for each in writes),
        ratios=ratios,
        cpu_ratios=cpu_ratios,
    )
