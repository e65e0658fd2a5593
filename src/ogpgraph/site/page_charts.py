"""The charts of the pages, built from the data of their documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ogpgraph.domain.vocabulary import VALUES_OF, Indicator
from ogpgraph.site.charts import Chart, Row
from ogpgraph.site.page_request import PageRequest
from ogpgraph.site.views import Data, Words, name_facet

COMPLETION: Final = [each.name for each in reversed(VALUES_OF[Indicator.COMPLETION])]
"""The values of the completion of a commitment, the greatest first."""


def chart_home(data: Data, request: PageRequest, words: Words) -> list[Chart]:
    """Return the completion of all commitments by year and by region, and their ratings."""
    commitments = data["commitments"]
    if commitments is None:
        return []
    return [
        _chart_years(commitments, request, words),
        _chart_completion(
            "completion-by-region",
            words.translate("Completion by region"),
            words.translate("Region"),
            "region",
            _find_values(commitments["byRegion"]),
            request,
            words,
        ),
        _chart_ratings(commitments, words),
    ]


def chart_member(data: Data, request: PageRequest, words: Words) -> list[Chart]:
    """Return the completion of a member's commitments by year, and beside that of all members."""
    member, everyone = data["member"], data["commitments"]
    name = member["name"] or member["original"] or member["code"]
    return [
        _chart_years(member["commitments"], request, words),
        _compare_completion(
            [(name, member["commitments"]), (words.translate("All members"), everyone)] if everyone else [], words
        ),
    ]


def chart_plan(data: Data, _request: PageRequest, words: Words) -> list[Chart]:
    """Return the progress of a plan as it was known then, and as it is known now."""
    commitments = data["actionPlan"]["commitments"]
    then = _chart_progress(
        "known-then", words.translate("Completion as it was known at the time"), commitments["recorded"], words
    )
    now = _chart_progress(
        "known-now", words.translate("Completion as it is known today"), commitments["effective"], words
    )
    milestones = [each for node in commitments["nodes"] if node for each in node["milestones"]]
    return [each for each in (then, now, _chart_milestones(milestones, words)) if each.rows]


def _chart_years(commitments: Data, request: PageRequest, words: Words) -> Chart:
    return _chart_completion(
        "completion-by-year",
        words.translate("Completion by year of the action plan"),
        words.translate("Year"),
        "cycle",
        _find_values(commitments["byCycle"]),
        request,
        words,
    )


def _chart_completion(
    name: str, title: str, first: str, parameter: str, values: Sequence[Data], request: PageRequest, words: Words
) -> Chart:
    """Return how far commitments are, which are divided by the values of a filter of their list."""
    present = _present_values(count["value"] for value in values for count in value["across"])
    rows = [
        Row(
            name_facet(value["value"], words),
            _counts(value["across"], present),
            value["count"],
            request.link("/commitments", **{parameter: value["value"]}),
        )
        for value in values
    ]
    description = words.translate(
        "How far commitments were completed by their latest rating; the rest of a bar are those without a rating."
    )
    return _build_chart(name, title, description, first, present, rows, words, words.translate("All commitments"))


def _chart_ratings(commitments: Data, words: Words) -> Chart:
    """Return the latest ratings of all commitments: a row for each indicator that any was rated by."""
    facets = [facet for facet in commitments["ratings"] if facet["values"]]
    scale = [value.name for indicator in Indicator for value in VALUES_OF[indicator]]
    found = {value["value"] for facet in facets for value in facet["values"]}
    present = [each for each in dict.fromkeys(scale) if each in found]
    rows = [
        Row(words.label(facet["dimension"]), _counts(facet["values"], present), commitments["totalCount"])
        for facet in facets
    ]
    return _build_chart(
        "ratings-by-indicator",
        words.translate("Ratings by indicator"),
        words.translate(
            "The latest rating of each commitment by each indicator; the rest of a bar are those without one."
        ),
        words.translate("Indicator"),
        present,
        rows,
        words,
        words.translate("All commitments"),
    )


def _chart_milestones(milestones: Sequence[Data], words: Words) -> Chart:
    """Return the milestones of a plan by the year in which they are due, and how far each is."""
    due: dict[str, list[str]] = {}
    for each in milestones:
        due.setdefault((each["endsOn"] or "")[:4], []).append(each["status"] or "NO_PROGRESS_REPORTED")
    present = [each for each in (*COMPLETION, "NO_PROGRESS_REPORTED") if any(each in found for found in due.values())]
    rows = [
        Row(year or words.translate("Not known"), [due[year].count(each) for each in present], len(due[year]))
        for year in sorted(due, key=lambda year: year or "9999")
    ]
    return _build_chart(
        "milestones",
        words.translate("Milestones by the year in which they are due"),
        words.translate("How many milestones are due in each year, and how far they are."),
        words.translate("Year"),
        present,
        rows,
        words,
        words.translate("All milestones"),
    )


def _compare_completion(connections: Sequence[tuple[str, Data]], words: Words) -> Chart:
    facets = [(name, _find_values(each["facets"])) for name, each in connections]
    present = _present_values(value["value"] for _, values in facets for value in values)
    rows = [Row(name, _percentages(values, present)) for name, values in facets]
    return _build_chart(
        "compared",
        words.translate("Completion beside that of all members, in percent of the rated commitments"),
        words.translate("Shares of the values of completion among the commitments that have one."),
        words.translate("Member"),
        present,
        rows,
        words,
    )


def _chart_progress(name: str, title: str, points: Sequence[Data] | None, words: Words) -> Chart:
    points = points or []
    present = _present_values(count["value"] for point in points for count in point["values"])
    rows = [Row(point["time"][:7], _counts(point["values"], present), point["totalCount"]) for point in points]
    return _build_chart(
        name,
        title,
        words.translate("The number of commitments with each value of completion, quarter by quarter."),
        words.translate("Until"),
        present,
        rows if present else [],
        words,
        words.translate("All commitments"),
    )


def _build_chart(
    name: str,
    title: str,
    description: str,
    first: str,
    values: Sequence[str],
    rows: Sequence[Row],
    words: Words,
    total: str = "",
) -> Chart:
    """Return a chart whose series are the values of a vocabulary."""
    labels, classes = [words.label(each) for each in values], [_class_of(each) for each in values]
    return Chart(name, title, description, first, labels, classes, rows, total)


def _find_values(facets: Sequence[Data] | None) -> Sequence[Data]:
    """Return the values of the first of some facets; none where there are no facets."""
    return next((facet["values"] for facet in facets or ()), ())


def _present_values(values: Iterable[str]) -> list[str]:
    found = set(values)
    return [each for each in COMPLETION if each in found]


def _counts(counted: Sequence[Data], values: Sequence[str]) -> list[int]:
    counts = {each["value"]: each["count"] for each in counted}
    return [counts.get(value, 0) for value in values]


def _percentages(counted: Sequence[Data], values: Sequence[str]) -> list[int]:
    """Return shares in whole percent that add up to 100: what rounding down leaves goes to the largest remainders."""
    counts = _counts(counted, values)
    if not (total := sum(counts)):
        return counts
    shares = [divmod(100 * each, total) for each in counts]
    left = 100 - sum(whole for whole, _ in shares)
    raised = sorted(range(len(shares)), key=lambda place: -shares[place][1])[:left]
    return [whole + (place in raised) for place, (whole, _) in enumerate(shares)]


def _class_of(value: str) -> str:
    return value.lower().replace("_", "-")
