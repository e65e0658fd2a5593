"""What sights of a source mean, in any order: seen again, changed, seen earlier, read by a newer reader."""

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


def since(system: System, position: int) -> list[dict[str, Any]]:
    """Return the entries after a position that are about commitments, members and plans."""
    query = """query ($last: Int!) { entries(last: $last) { nodes { kind cause isLate changedBetween { after before }
               subject { __typename ... on Commitment { code } } changes { path before after } } } }"""
    nodes: list[dict[str, Any]] = execute_query(system, query, last=read_position(system) - position)["entries"][
        "nodes"
    ]
    return [node for node in nodes if node["subject"]["__typename"] not in ("Source", "Code")]


def at(number: int) -> str:
    return f"2021-03-{number:02}T00:00:00.000000Z"


def between(after: int | None, before: int) -> dict[str, str | None]:
    return {"after": at(after) if after else None, "before": at(before)}


def blamed(system: System, path: str, code: str = "UY0901") -> list[tuple[Any, dict[str, str | None]]]:
    query = """query ($c: String!, $p: String!) { commitment(code: $c) { blame(path: $p) {
                 value changedBetween { after before } } } }"""
    found = execute_query(system, query, c=code, p=path)["commitment"]["blame"]
    return [(each["value"], each["changedBetween"]) for each in found]


# ------------------------------------------------------------------------------------------------------------- changed


def test_a_changed_page_is_exactly_the_fields_that_changed_between_two_sights(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    import_sample_page(system, PAGE, 3)
    before = read_position(system)
    later = PAGE.with_changes(
        status="Inactive", lead=None, completion="Limited", prose="Not relevant to OGP values. [1]"
    )
    assert count_events(import_sample_page(system, later, 8))["SourceObserved"] == 1
    entries = since(system, before)
    assert {(each["cause"], each["isLate"]) for each in entries} == {("SOURCE_CHANGED", False)}
    assert [each["changedBetween"] for each in entries] == [between(3, 8)] * len(entries)
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
        # What the IRM's prose says of a rating is a claim and never the rating.
        "claims/ratings/RELEVANCE/DESIGN/state": (None, "RATED"),
        "claims/ratings/RELEVANCE/DESIGN/value": (None, "NO"),
        "claims/ratings/RELEVANCE/DESIGN/statedAs": (None, "Not relevant to OGP values"),
    }


def test_a_value_that_leaves_the_page_leaves_the_present_and_stays_in_the_past(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    then = read_position(system)
    import_sample_page(system, PAGE.with_changes(status=None), 2)
    query = """query ($at: Position!) { commitment(code: "UY0901") { status }
                                        at(position: $at) { commitment(code: "UY0901") { status } } }"""
    assert execute_query(system, query, at=then) == {
        "commitment": {"status": None},
        "at": {"commitment": {"status": "ACTIVE"}},
    }


def test_last_observed_at_moves_without_a_new_revision_of_the_commitment(system: System) -> None:
    query = '{ commitment(code: "UY0901") { lastObservedAt revision since } }'
    import_sample_page(system, PAGE, 1)
    first = execute_query(system, query)["commitment"]
    import_sample_page(system, PAGE, 5)
    assert execute_query(system, query)["commitment"] == first | {"lastObservedAt": at(5)}


def test_two_contents_of_one_instant_follow_each_other_as_they_came_and_are_recorded_once(system: System) -> None:
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


# --------------------------------------------------------------------------------------------------------------- late


def test_an_older_sight_enters_history_and_leaves_the_present_alone(system: System) -> None:
    import_sample_page(system, PAGE.with_changes(status="Inactive"), 9)
    state, before = dump_state(system), read_position(system)
    import_sample_page(system, PAGE.with_changes(lead="Harbour Office"), 4)
    entries = since(system, before)
    assert {each["isLate"] for each in entries} == {True}
    nouns = ("Commitment", "ActionPlan", "Member")
    assert {each["kind"] for each in entries} == {f"{noun}SeenEarlier" for noun in nouns}
    assert dump_state(system) == state
    assert blamed(system, "status") == [("INACTIVE", between(4, 9))]
    assert blamed(system, "title/en") == [("Ferry Tables", between(None, 4))]


def test_each_older_sight_only_narrows_when_a_change_can_have_happened(system: System) -> None:
    old, new = PAGE, PAGE.with_changes(status="Inactive")
    seen = [(new, 20, None, 20), (old, 2, 2, 20), (new, 15, 2, 15), (old, 8, 8, 15), (old, 5, 8, 15), (new, 18, 8, 15)]
    for page, observed, after, before in seen:
        import_sample_page(system, page, observed)
        assert blamed(system, "status") == [("INACTIVE", between(after, before))]


def test_an_older_sight_between_two_that_show_the_same_is_not_recorded(system: System) -> None:
    import_sample_page(system, PAGE, 1)
    import_sample_page(system, PAGE, 9)
    assert count_events(import_sample_page(system, PAGE, 5)) == {}


def test_other_bytes_from_before_the_last_sight_are_late_even_if_that_was_only_seen_again(system: System) -> None:
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


# -------------------------------------------------------------------------------------------------------------- reader


@contextmanager
def newer_reader(read: Callable[[PageReading], PageReading], name: str = "page-next") -> Iterator[None]:
    """Let pages be read otherwise from here on, as a new version of the reader would."""

    def read_otherwise(data: bytes, *, limit_bytes: int) -> PageReading:
        return read(read_page(data, limit_bytes=limit_bytes))

    def reread_otherwise(text: str) -> PageReading:
        return read(reread_page(text))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_reconciler, "READER", name)
        patch.setattr(run, "read_page", read_otherwise)
        patch.setattr(page_reconciler, "reread_page", reread_otherwise)
        yield


def same(page: PageReading) -> PageReading:
    return page


def splitting_institutions(page: PageReading) -> PageReading:
    """Read a lead institution as two where it says "and"."""
    header = dict(page.facts[Origin.HEADER])
    path = "leadInstitutions/en"
    if path in header and isinstance(said := header[path].value, tuple):
        parts = tuple(part for each in said for part in each.split(" and "))
        header[path] = ExtractedValue(parts, header[path].span)
    return replace(page, facts={**page.facts, Origin.HEADER: header})


def test_the_same_bytes_read_otherwise_are_extraction_and_nothing_else(system: System) -> None:
    page = PAGE.with_changes(lead="Ferries and Harbours")
    import_sample_page(system, page, 1)
    import_sample_page(system, page, 2)
    before = read_position(system)
    with newer_reader(splitting_institutions):
        import_sample_page(system, page, 3)
    (entry,) = since(system, before)
    assert entry["cause"] == "EXTRACTION"
    assert entry["changes"] == [
        {"path": "leadInstitutions/en", "before": ["Ferries and Harbours"], "after": ["Ferries", "Harbours"]}
    ]
    assert entry["changedBetween"] == between(None, 1), "the page said so when its bytes were first seen"
    causes = execute_query(system, "{ entries(last: 3) { nodes { cause } } }")["entries"]["nodes"]
    assert {each["cause"] for each in causes} == {"EXTRACTION"}, "the sights of page and list too"


def test_a_newer_reader_that_reads_the_same_changes_no_commitment(system: System) -> None:
    import_sample_page(system, LIGHTHOUSE, 1)
    before = read_position(system)
    with newer_reader(same):
        assert count_events(import_sample_page(system, LIGHTHOUSE, 2)) == {"SourceObserved": 2}
        assert since(system, before) == []
        assert count_events(import_sample_page(system, LIGHTHOUSE, 3)) == {"SourceSeenAgain": 2}


def test_where_bytes_and_reader_changed_each_answers_for_its_own(system: System) -> None:
    import_sample_page(system, PAGE.with_changes(lead="Ferries and Harbours"), 1)
    import_sample_page(system, PAGE.with_changes(lead="Ferries and Harbours"), 2)
    before = read_position(system)
    with newer_reader(splitting_institutions):
        import_sample_page(system, PAGE.with_changes(lead="Ferries and Harbours", status="Inactive"), 5)
    told = {
        (entry["cause"], change["path"]): (change["before"], change["after"], entry["changedBetween"])
        for entry in since(system, before)
        for change in entry["changes"]
    }
    assert told == {
        ("EXTRACTION", "leadInstitutions/en"): (
            ["Ferries and Harbours"],
            ["Ferries", "Harbours"],
            between(None, 1),
        ),
        ("SOURCE_CHANGED", "status"): ("ACTIVE", "INACTIVE", between(2, 5)),
    }


def test_an_archive_read_again_by_a_newer_reader_is_extraction_throughout(system: System) -> None:
    old, new = PAGE.with_changes(lead="Ferries and Harbours"), PAGE.with_changes(lead="Ferries and Lamps")
    import_sample_page(system, old, 1)
    import_sample_page(system, new, 5)
    before = read_position(system)
    with newer_reader(splitting_institutions):
        for page, observed in ((old, 1), (new, 5)):
            import_sample_page(system, page, observed)
        entries = since(system, before)
        assert {entry["cause"] for entry in entries} == {"EXTRACTION"}
        assert blamed(system, "leadInstitutions")[0][0] == ["Ferries", "Lamps"]
        assert (
            count_events(import_sample_page(system, old, 1)) == count_events(import_sample_page(system, new, 5)) == {}
        )


def test_an_older_sight_by_a_newer_reader_is_compared_with_its_own_reading_of_the_latest(system: System) -> None:
    page = PAGE.with_changes(lead="Ferries and Harbours")
    import_sample_page(system, page, 9)
    with newer_reader(splitting_institutions):
        import_sample_page(system, page, 4)
    assert blamed(system, "leadInstitutions") == [(["Ferries", "Harbours"], between(None, 4))]


def test_a_list_read_otherwise_from_the_same_page_is_extraction(system: System) -> None:
    def shouting(page: PageReading) -> PageReading:
        assert page.siblings
        text = page.siblings.text.replace("Map Lending", "MAP LENDING")
        first, second = page.siblings.entries
        title = second.facts["title/en"]
        louder = replace(second, facts={**second.facts, "title/en": ExtractedValue("MAP LENDING", title.span)})
        return replace(page, siblings=replace(page.siblings, text=text, entries=(first, louder)))

    import_sample_page(system, PAGE, 1)
    before = read_position(system)
    with newer_reader(shouting):
        import_sample_page(system, PAGE, 2)
    (entry,) = since(system, before)
    assert entry["cause"] == "EXTRACTION"
    assert entry["changes"] == [{"path": "title/en", "before": "Map Lending", "after": "MAP LENDING"}]


def test_a_former_page_that_the_newer_reader_refuses_does_not_stop_the_import(system: System) -> None:
    def refusing_ferries(page: PageReading) -> PageReading:
        if "Ferry Tables (" in page.text:
            raise UnreadableInput("no ferries")
        return page

    import_sample_page(system, PAGE, 1)
    with newer_reader(refusing_ferries):
        import_sample_page(system, PAGE.with_changes(title="Boat Tables"), 2)
    assert execute_query(system, '{ commitment(code: "UY0901") { title } }')["commitment"]["title"] == "Boat Tables"


# ------------------------------------------------------------------------------------------------------ in any order


@contextmanager
def opened(folder: Path, name: str) -> Iterator[System]:
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
    status=st.sampled_from([None, "Active", "Inactive"]),
    lead=st.sampled_from([None, "Ministry of Ferries", "Harbour Office"]),
    completion=st.sampled_from([None, "Pending IRM Review", "Limited"]),
    siblings=_lists.map(lambda others: [_FIRST, *others, _LAST]),
)
MANY_SYSTEMS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def listed(page: Page) -> dict[str, str]:
    return {sibling.code: sibling.title for sibling in page.siblings}


def present(system: System) -> dict[str, Any]:
    query = """{ commitment(code: "UY0901") { blame { path value } lastObservedAt }
                 commitments { nodes { code title } } }"""
    found = execute_query(system, query)
    own = {each["path"]: each["value"] for each in found["commitment"]["blame"]}
    for reference in ("member", "actionPlan"):
        own.pop(reference)
    titles = {each["code"]: each["title"] for each in found["commitments"]["nodes"] if each["title"]}
    return {"own": own, "titles": titles, "lastObservedAt": found["commitment"]["lastObservedAt"]}


@MANY_SYSTEMS
@given(st.lists(_pages, min_size=1, max_size=5).flatmap(lambda pages: st.permutations(list(enumerate(pages, 1)))))
def test_in_whatever_order_sights_come_the_present_is_what_the_latest_shows(
    tmp_path: Path, sights: list[tuple[int, Page]]
) -> None:
    latest_at, latest = max(sights, key=lambda sight: sight[0])
    with opened(tmp_path, f"{next(_names)}") as system, opened(tmp_path, f"{next(_names)}") as alone:
        for observed, page in sights:
            import_sample_page(system, page, observed)
        import_sample_page(alone, latest, latest_at)
        found = present(system)
        assert found == present(alone)
        assert found["titles"] == listed(latest)
        head = read_position(system)
        for observed, page in sights:
            assert set(count_events(import_sample_page(system, page, observed))) <= {"SourceObserved"}
        assert present(system) == found
        assert head <= read_position(system)


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[int, Page]]:
    """Return sights of a page whose values change, appear and go, but never come back, in any order."""
    page, sights = Page(status=None, siblings=()), []
    for observed in draw(st.lists(st.integers(1, 28), unique=True, min_size=2, max_size=6).map(sorted)):
        if draw(st.booleans()):
            page = page.with_changes(lead=f"Ministry number {observed}")
        if draw(st.booleans()):
            page = page.with_changes(
                title=f"Ferries of {observed}", siblings=[Sibling("UY0902", f"Maps of {observed}")]
            )
        sights.append((observed, page))
    return draw(st.permutations(sights))


def expected(sights: list[tuple[int, Page]], value: Callable[[Page], str | None]) -> dict[str, str | None]:
    """Return the interval in which the latest value came to be, given all sights."""
    latest = value(max(sights, key=lambda sight: sight[0])[1])
    others = [observed for observed, page in sights if value(page) != latest]
    before = min(observed for observed, page in sights if value(page) == latest)
    return between(max(others, default=None), before)


@MANY_SYSTEMS
@given(_histories())
def test_in_whatever_order_sights_come_intervals_are_those_of_all_sights_sorted(
    tmp_path: Path, sights: list[tuple[int, Page]]
) -> None:
    with opened(tmp_path, f"{next(_names)}") as system:
        widest: dict[str, tuple[str, dict[str, str | None]]] = {}
        for observed, page in sights:
            import_sample_page(system, page, observed)
            for path in ("leadInstitutions/en", "title/en"):
                ((value, interval),) = blamed(system, path)
                assert_narrower(widest.get(path), (str(value), interval))
                widest[path] = (str(value), interval)
        latest = max(sights, key=lambda sight: sight[0])[1]
        assert blamed(system, "leadInstitutions/en") == [([latest.lead], expected(sights, lambda page: page.lead))]
        assert blamed(system, "title/en") == [(latest.title, expected(sights, lambda page: page.title))]
        if latest.siblings:
            (maps,) = latest.siblings
            lists = [sight for sight in sights if sight[1].siblings]
            expect = expected(lists, lambda page: page.siblings[0].title)
            assert blamed(system, "title/en", "UY0902") == [(maps.title, expect)]


def assert_narrower(wide: tuple[str, dict[str, str | None]] | None, narrow: tuple[str, dict[str, str | None]]) -> None:
    """The interval of a value never grows, whatever is learnt later."""
    if wide is None or wide[0] != narrow[0]:
        return
    assert (wide[1]["after"] or "") <= (narrow[1]["after"] or "")
    assert (narrow[1]["before"] or "") <= (wide[1]["before"] or "")
