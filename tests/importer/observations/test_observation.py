"""Observations of a source in any order: unchanged, changed, late, and read by a newer version of the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ogpgraph.domain.event import Origin
from ogpgraph.importer import run
from ogpgraph.importer.observations import page_reconciler
from ogpgraph.importer.pages.extraction import ExtractedValue, PageReading, UnreadableInput
from ogpgraph.importer.pages.page import read_page, reread_page
from ogpgraph.system import System, migrate, open_system
from tests.graphql.client import dump_state, execute_query, read_position
from tests.importer.sample_pages import LIGHTHOUSE, Page, Sibling, count_events, import_sample_page

PAGE = Page(siblings=[Sibling("UY0901", "Ferry Tables"), Sibling("UY0902", "Map Lending")])


def entries_after(system: System, position: int) -> list[dict[str, Any]]:
    """Return the entries after a position that are about commitments, members and plans."""
    query = """query ($last: Int!) { entries(last: $last) { nodes { kind cause isLate changedBetween { after before }
               subject { __typename ... on Commitment { code } } changes { path before after } } } }"""
    nodes: list[dict[str, Any]] = execute_query(system, query, last=read_position(system) - position)["entries"][
        "nodes"
    ]
    return [node for node in nodes if node["subject"]["__typename"] not in ("Source", "Code")]


def at(number: int) -> str:
    return f"2021-03-{number:02}T00:00:00.000000Z"


def interval(after: int | None, before: int) -> dict[str, str | None]:
    return {"after": at(after) if after else None, "before": at(before)}


def claims_with_intervals(system: System, path: str, code: str = "UY0901") -> list[tuple[Any, dict[str, str | None]]]:
    query = """query ($c: String!, $p: String!) { commitment(code: $c) { blame(path: $p) {
                 value changedBetween { after before } } } }"""
    found = execute_query(system, query, c=code, p=path)["commitment"]["blame"]
    return [(each["value"], each["changedBetween"]) for each in found]


# Changed


def test_a_changed_page_changes_exactly_its_changed_fields_between_two_observations(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    import_sample_page(system, PAGE, 3)
    before = read_position(system)
    later = PAGE.with_changes(
        status="Inactive", lead=None, completion="Limited", prose="Not relevant to OGP values. [1]"
    )
    assert count_events(import_sample_page(system, later, 8))["SourceObserved"] == 1
    entries = entries_after(system, before)
    assert {(each["cause"], each["isLate"]) for each in entries} == {("SOURCE_CHANGED", False)}
    assert [each["changedBetween"] for each in entries] == [interval(3, 8)] * len(entries)
    changes = {change["path"]: (change["before"], change["after"]) for each in entries for change in each["changes"]}
    assert changes == {
        "status": ("ACTIVE", "INACTIVE"),
        "leadInstitutions/en": (["Ministry of Ferries"], None),
        "ratings/COMPLETION/RESULTS/state": ("PENDING", "RATED"),
        "ratings/COMPLETION/RESULTS/value": (None, "LIMITED"),
        "ratings/COMPLETION/RESULTS/statedAs": ("Pending IRM Review", "Limited"),
        "number": (None, "1"),
        "narratives/MIDTERM/TITLE/en": (None, "1. Ferries"),
        "narratives/MIDTERM/CONTEXT_AND_OBJECTIVES/en": (None, "Not relevant to OGP values. [1]"),
        # A rating stated in the IRM's prose is a claim, and never the current one.
        "claims/ratings/RELEVANCE/DESIGN/state": (None, "RATED"),
        "claims/ratings/RELEVANCE/DESIGN/value": (None, "NO"),
        "claims/ratings/RELEVANCE/DESIGN/statedAs": (None, "Not relevant to OGP values"),
    }


def test_a_value_removed_from_the_page_is_gone_from_the_present_and_readable_in_the_past(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    then = read_position(system)
    import_sample_page(system, PAGE.with_changes(lead=None), 2)
    query = """query ($at: Position!) { commitment(code: "UY0901") { leadInstitutions }
                                        at(position: $at) { commitment(code: "UY0901") { leadInstitutions } } }"""
    assert execute_query(system, query, at=then) == {
        "commitment": {"leadInstitutions": []},
        "at": {"commitment": {"leadInstitutions": ["Ministry of Ferries"]}},
    }


def test_last_observed_at_advances_without_a_new_revision_of_the_commitment(system: System) -> None:
    query = '{ commitment(code: "UY0901") { lastObservedAt revision since } }'
    import_sample_page(system, PAGE, 1)
    first = execute_query(system, query)["commitment"]
    import_sample_page(system, PAGE, 5)
    assert execute_query(system, query)["commitment"] == first | {"lastObservedAt": at(5)}


def test_two_contents_of_one_instant_are_recorded_once_in_the_order_of_import(system: System) -> None:
    one, other = PAGE, PAGE.with_changes(status="Inactive")
    import_sample_page(system, one, 1)
    import_sample_page(system, other, 1)
    assert execute_query(system, '{ commitment(code: "UY0901") { status } }')["commitment"]["status"] == "INACTIVE"
    head = read_position(system)
    for page in (one, other, one, other):
        assert count_events(import_sample_page(system, page, 1)) == {}
    assert read_position(system) == head
    observations = execute_query(
        system, '{ commitment(code: "UY0901") { sources { type observations { observedAt } } } }'
    )
    (page_source,) = [each for each in observations["commitment"]["sources"] if each["type"] == "PAGE"]
    assert [each["observedAt"] for each in page_source["observations"]] == [at(1), "2021-03-01T00:00:00.000001Z"]


# Late


def test_a_late_observation_is_added_to_history_and_leaves_the_present_unchanged(system: System) -> None:
    import_sample_page(system, PAGE.with_changes(status="Inactive"), 9)
    state, before = dump_state(system), read_position(system)
    import_sample_page(system, PAGE.with_changes(lead="Harbour Office"), 4)
    entries = entries_after(system, before)
    assert {each["isLate"] for each in entries} == {True}
    types = ("Commitment", "ActionPlan", "Member")
    assert {each["kind"] for each in entries} == {f"{name}SeenEarlier" for name in types}
    assert dump_state(system) == state
    assert claims_with_intervals(system, "status") == [("INACTIVE", interval(4, 9))]
    assert claims_with_intervals(system, "title/en") == [("Ferry Tables", interval(None, 4))]


def test_each_late_observation_only_narrows_the_interval_of_a_change(system: System) -> None:
    old, new = PAGE, PAGE.with_changes(status="Inactive")
    seen = [(new, 20, None, 20), (old, 2, 2, 20), (new, 15, 2, 15), (old, 8, 8, 15), (old, 5, 8, 15), (new, 18, 8, 15)]
    for page, observed, after, before in seen:
        import_sample_page(system, page, observed)
        assert claims_with_intervals(system, "status") == [("INACTIVE", interval(after, before))]


def test_a_late_observation_between_two_of_the_same_content_is_recorded_as_unchanged(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    import_sample_page(system, PAGE, 9)
    for at in (5, 5):
        import_sample_page(system, PAGE, at)
    import_sample_page(system, PAGE.with_changes(status="Inactive"), 7)
    query = """{ entries(where: {kind: CommitmentSeenEarlier}) {
                 nodes { changedBetween { after before } changes { path } } } }"""
    changed, changed_back = execute_query(system, query)["entries"]["nodes"]
    assert [changed["changedBetween"], changed_back["changedBetween"]] == [interval(5, 7), interval(7, 9)]


def test_other_bytes_from_before_the_last_observation_are_late_even_if_that_showed_known_bytes_again(
    system: System,
) -> None:
    import_sample_page(system, PAGE, 1)
    import_sample_page(system, PAGE, 9)
    import_sample_page(system, PAGE.with_changes(status="Inactive"), 5)
    query = '{ commitment(code: "UY0901") { status lastObservedAt sources { type observations { observedAt } } } }'
    found = execute_query(system, query)["commitment"]
    assert (found["status"], found["lastObservedAt"]) == ("ACTIVE", at(9))
    (observed,) = [each["observations"] for each in found["sources"] if each["type"] == "PAGE"]
    assert [each["observedAt"] for each in observed] == [at(1), at(5), at(9)]
    head = read_position(system)
    assert count_events(import_sample_page(system, PAGE.with_changes(status="Inactive"), 5)) == {}
    assert read_position(system) == head


# Reader


@contextmanager
def newer_reader(read: Callable[[PageReading], PageReading], name: str = "page-next") -> Iterator[None]:
    """Replace the reader of pages by a newer version."""

    def read_by_newer(data: bytes, *, limit_bytes: int) -> PageReading:
        return read(read_page(data, limit_bytes=limit_bytes))

    def reread_by_newer(text: str) -> PageReading:
        return read(reread_page(text))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_reconciler, "READER", name)
        patch.setattr(run, "read_page", read_by_newer)
        patch.setattr(page_reconciler, "reread_page", reread_by_newer)
        yield


def unchanged(page: PageReading) -> PageReading:
    return page


def with_institutions_divided(page: PageReading) -> PageReading:
    """Divide lead institutions at "and"."""
    header = dict(page.facts[Origin.HEADER])
    path = "leadInstitutions/en"
    if path in header and isinstance(names := header[path].value, tuple):
        parts = tuple(part for name in names for part in name.split(" and "))
        header[path] = ExtractedValue(parts, header[path].span)
    return replace(page, facts={**page.facts, Origin.HEADER: header})


def test_a_different_reading_of_the_same_bytes_is_extraction_only(system: System) -> None:
    page = PAGE.with_changes(lead="Ferries and Harbours")
    import_sample_page(system, page, 1)
    import_sample_page(system, page, 2)
    before = read_position(system)
    with newer_reader(with_institutions_divided):
        import_sample_page(system, page, 3)
    (entry,) = entries_after(system, before)
    assert entry["cause"] == "EXTRACTION"
    assert entry["changes"] == [
        {"path": "leadInstitutions/en", "before": ["Ferries and Harbours"], "after": ["Ferries", "Harbours"]}
    ]
    assert entry["changedBetween"] == interval(None, 1), "the page stated that when its bytes were first observed"
    causes = execute_query(system, "{ entries(last: 3) { nodes { cause } } }")["entries"]["nodes"]
    assert {each["cause"] for each in causes} == {"EXTRACTION"}, "the observations of page and list, too"


def test_a_newer_reader_with_the_same_reading_changes_no_commitment(system: System) -> None:
    import_sample_page(system, LIGHTHOUSE, 1)
    before = read_position(system)
    with newer_reader(unchanged):
        assert count_events(import_sample_page(system, LIGHTHOUSE, 2)) == {"SourceObserved": 2}
        assert entries_after(system, before) == []
        assert count_events(import_sample_page(system, LIGHTHOUSE, 3)) == {"SourceObservedUnchanged": 2}


def test_changes_of_the_bytes_and_of_the_reader_are_recorded_apart(system: System) -> None:
    import_sample_page(system, PAGE.with_changes(lead="Ferries and Harbours"), 1)
    import_sample_page(system, PAGE.with_changes(lead="Ferries and Harbours"), 2)
    before = read_position(system)
    with newer_reader(with_institutions_divided):
        import_sample_page(system, PAGE.with_changes(lead="Ferries and Harbours", status="Inactive"), 5)
    changes = {
        (entry["cause"], change["path"]): (change["before"], change["after"], entry["changedBetween"])
        for entry in entries_after(system, before)
        for change in entry["changes"]
    }
    assert changes == {
        ("EXTRACTION", "leadInstitutions/en"): (
            ["Ferries and Harbours"],
            ["Ferries", "Harbours"],
            interval(None, 1),
        ),
        ("SOURCE_CHANGED", "status"): ("ACTIVE", "INACTIVE", interval(2, 5)),
    }


def test_an_archive_imported_again_with_a_newer_reader_is_extraction_only(system: System) -> None:
    old, new = PAGE.with_changes(lead="Ferries and Harbours"), PAGE.with_changes(lead="Ferries and Lamps")
    import_sample_page(system, old, 1)
    import_sample_page(system, new, 5)
    before = read_position(system)
    with newer_reader(with_institutions_divided):
        for page, observed in ((old, 1), (new, 5)):
            import_sample_page(system, page, observed)
        entries = entries_after(system, before)
        assert {entry["cause"] for entry in entries} == {"EXTRACTION"}
        assert claims_with_intervals(system, "leadInstitutions")[0][0] == ["Ferries", "Lamps"]
        assert (
            count_events(import_sample_page(system, old, 1)) == count_events(import_sample_page(system, new, 5)) == {}
        )


def test_a_late_observation_by_a_newer_reader_is_compared_with_its_own_reading_of_the_latest(system: System) -> None:
    page = PAGE.with_changes(lead="Ferries and Harbours")
    import_sample_page(system, page, 9)
    with newer_reader(with_institutions_divided):
        import_sample_page(system, page, 4)
    assert claims_with_intervals(system, "leadInstitutions") == [(["Ferries", "Harbours"], interval(None, 4))]


def test_a_different_reading_of_the_list_of_the_same_page_is_extraction(system: System) -> None:
    def in_upper_case(page: PageReading) -> PageReading:
        assert page.siblings
        text = page.siblings.text.replace("Map Lending", "MAP LENDING")
        first, second = page.siblings.entries
        title = second.facts["title/en"]
        upper_case = replace(second, facts={**second.facts, "title/en": ExtractedValue("MAP LENDING", title.span)})
        return replace(page, siblings=replace(page.siblings, text=text, entries=(first, upper_case)))

    import_sample_page(system, PAGE, 1)
    before = read_position(system)
    with newer_reader(in_upper_case):
        import_sample_page(system, PAGE, 2)
    (entry,) = entries_after(system, before)
    assert entry["cause"] == "EXTRACTION"
    assert entry["changes"] == [{"path": "title/en", "before": "Map Lending", "after": "MAP LENDING"}]


def test_a_former_page_that_the_newer_reader_refuses_does_not_prevent_the_import(system: System) -> None:
    def refusing_ferries(page: PageReading) -> PageReading:
        if "Ferry Tables (" in page.text:
            raise UnreadableInput("no ferries")
        return page

    import_sample_page(system, PAGE, 1)
    with newer_reader(refusing_ferries):
        import_sample_page(system, PAGE.with_changes(title="Boat Tables"), 2)
    assert execute_query(system, '{ commitment(code: "UY0901") { title } }')["commitment"]["title"] == "Boat Tables"


# In any order


@contextmanager
def open_new_system(folder: Path, name: str) -> Iterator[System]:
    url = f"sqlite:///{folder / name}.db"
    migrate(url)
    with open_system(url) as system:
        yield system


_names = count()
_OTHERS = [Sibling("UY0902", "Maps"), Sibling("UY0903", "Fords"), Sibling("UY0904", "Dykes")]
_FIRST, _LAST = Sibling("UY0901", "Ferry Tables"), Sibling("UY0801", "Bread", 2016)
_lists = st.lists(st.sampled_from(_OTHERS), unique=True)
_pages = st.builds(
    Page,
    # Neither status nor completion is empty: an empty status is an icon, and an empty field withdraws no finding.
    status=st.sampled_from(["Active", "Inactive"]),
    lead=st.sampled_from([None, "Ministry of Ferries", "Harbour Office"]),
    completion=st.sampled_from(["Pending IRM Review", "Limited"]),
    siblings=_lists.map(lambda others: [_FIRST, *others, _LAST]),
)
MANY_SYSTEMS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def titles_in_list(page: Page) -> dict[str, str]:
    return {sibling.code: sibling.title for sibling in page.siblings}


def present_state(system: System) -> dict[str, Any]:
    query = """{ commitment(code: "UY0901") { blame { path value } lastObservedAt }
                 commitments { nodes { code title } } }"""
    found = execute_query(system, query)
    own = {each["path"]: each["value"] for each in found["commitment"]["blame"]}
    for reference in ("member", "actionPlan"):
        own.pop(reference)
    titles = {each["code"]: each["title"] for each in found["commitments"]["nodes"] if each["title"]}
    return {"own": own, "titles": titles, "lastObservedAt": found["commitment"]["lastObservedAt"]}


@pytest.mark.slow
@MANY_SYSTEMS
@given(st.lists(_pages, min_size=1, max_size=5).flatmap(lambda pages: st.permutations(list(enumerate(pages, 1)))))
def test_the_present_is_that_of_the_latest_observation_in_whatever_order_they_are_imported(
    tmp_path: Path, observations: list[tuple[int, Page]]
) -> None:
    latest_at, latest = max(observations, key=lambda each: each[0])
    with open_new_system(tmp_path, f"{next(_names)}") as system, open_new_system(tmp_path, f"{next(_names)}") as alone:
        for observed, page in observations:
            import_sample_page(system, page, observed)
        import_sample_page(alone, latest, latest_at)
        found = present_state(system)
        assert found == present_state(alone)
        assert found["titles"] == titles_in_list(latest)
        head = read_position(system)
        for observed, page in observations:
            assert set(count_events(import_sample_page(system, page, observed))) <= {"SourceObserved"}
        assert present_state(system) == found
        assert head <= read_position(system)


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[int, Page]]:
    """Return observations, in any order, of a page whose values change, appear and disappear, but never return."""
    page, observations = Page(status=None, siblings=()), []
    for observed in draw(st.lists(st.integers(1, 28), unique=True, min_size=2, max_size=6).map(sorted)):
        if draw(st.booleans()):
            page = page.with_changes(lead=f"Ministry number {observed}")
        if draw(st.booleans()):
            page = page.with_changes(
                title=f"Ferries of {observed}", siblings=[Sibling("UY0902", f"Maps of {observed}")]
            )
        observations.append((observed, page))
    return draw(st.permutations(observations))


def expected_interval(
    observations: list[tuple[int, Page]], value: Callable[[Page], str | None]
) -> dict[str, str | None]:
    """Return the interval of the change to the latest value, given all observations."""
    latest = value(max(observations, key=lambda each: each[0])[1])
    others = [observed for observed, page in observations if value(page) != latest]
    before = min(observed for observed, page in observations if value(page) == latest)
    return interval(max(others, default=None), before)


@pytest.mark.slow
@MANY_SYSTEMS
@given(_histories())
def test_intervals_are_those_of_all_observations_in_order_in_whatever_order_they_are_imported(
    tmp_path: Path, observations: list[tuple[int, Page]]
) -> None:
    with open_new_system(tmp_path, f"{next(_names)}") as system:
        intervals: dict[str, tuple[str, dict[str, str | None]]] = {}
        for observed, page in observations:
            import_sample_page(system, page, observed)
            for path in ("leadInstitutions/en", "title/en"):
                ((value, changed),) = claims_with_intervals(system, path)
                assert_narrowed(intervals.get(path), (str(value), changed))
                intervals[path] = (str(value), changed)
        latest = max(observations, key=lambda each: each[0])[1]
        assert claims_with_intervals(system, "leadInstitutions/en") == [
            ([latest.lead], expected_interval(observations, lambda page: page.lead))
        ]
        assert claims_with_intervals(system, "title/en") == [
            (latest.title, expected_interval(observations, lambda page: page.title))
        ]
        if latest.siblings:
            (maps,) = latest.siblings
            lists = [each for each in observations if each[1].siblings]
            expect = expected_interval(lists, lambda page: page.siblings[0].title)
            assert claims_with_intervals(system, "title/en", "UY0902") == [(maps.title, expect)]


def assert_narrowed(before: tuple[str, dict[str, str | None]] | None, after: tuple[str, dict[str, str | None]]) -> None:
    """The interval of a value never grows with later imports."""
    if before is None or before[0] != after[0]:
        return
    assert (before[1]["after"] or "") <= (after[1]["after"] or "")
    assert (after[1]["before"] or "") <= (before[1]["before"] or "")
