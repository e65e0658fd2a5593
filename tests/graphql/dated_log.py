"""A record of things that changed from 2019 to 2022, recorded out of order on one afternoon of 2026.

Five crawls of one page, three states of the database, what people say was so, two older crawls that were found later, a
correction, and the import of a wrong page, which was reverted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.correction import correct
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_member
from ogpgraph.domain.milestone import add_milestone, complete_milestone
from ogpgraph.domain.review import rating_path, record_rating
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.importer.run import import_page
from ogpgraph.importer.writer import revert_import
from ogpgraph.system import System
from tests.graphql.client import execute_query, read_position
from tests.importer.sample_pages import LIMIT, Page
from tests.importer.spreadsheets.spreadsheet_files import build_csv, import_file, row_2024

FIRST = Page(lead="Ministry of Ferries", status="Active", completion="Pending IRM Review")
ENDED = FIRST.with_changes(status="Inactive", completion="Limited")
MOVED = FIRST.with_changes(lead="Harbour Board")
CRAWLS = {
    "2019-03-01": FIRST,
    "2019-09-01": FIRST,
    "2020-06-01": ENDED,
    "2020-09-01": ENDED,
    "2021-03-01": ENDED.with_changes(lead="Harbour Office"),
}
LATE_CRAWLS = {"2020-03-01": MOVED, "2020-01-01": MOVED}
WRONG_CRAWL = "2020-12-01", FIRST.with_changes(lead="Nobody")
NEXT_PLAN = row_2024(
    "UY1001",
    Action_Plan_Number="5",
    Action_Plan_ID="AP_URY05",
    Year_Of_Submission="2020",
    Action_Plan_End_Year="2022",
)
DATABASE = {
    2020: [
        row_2024("UY0801", Completion_End_Of_Term="Limited", End_Date="12/31/2019"),
        row_2024("UY0802", Completion_End_Of_Term="Limited", End_Date="12/31/2021"),
    ],
    2021: [
        row_2024("UY0801", Completion_End_Of_Term="Substantial", End_Date="12/31/2020"),
        row_2024("UY0802", Completion_End_Of_Term="Limited", End_Date="12/31/2021"),
        NEXT_PLAN,
    ],
    2022: [
        row_2024("UY0801", Completion_End_Of_Term="Complete", End_Date="12/31/2020"),
        row_2024("UY0802", Completion_End_Of_Term="Limited", End_Date="12/31/2021"),
        NEXT_PLAN,
    ],
}


HEAD = "reverted"
"""The last part of the log."""
FIELDS = """code title status endsOn leadInstitutions milestones { number title endsOn status }
  ratings(indicator: [COMPLETION]) { stage state value } unknown { path after before candidates }"""
Observe = Callable[[System], None]
"""Records one observation of a page or file."""
KENYA, FERRIES, MAPS, NEXT = ["KE0002"], ["UY0901"], ["UY0801", "UY0802"], ["UY1001"]
"""The commitments by what they are about."""


class DatedLog:
    """The log of this module, read at a date, as known after one of its parts."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.positions = record_dated_log(system)

    def read(self, fields: str, date: str, known: str = HEAD) -> Any:
        """Return fields of the snapshot at a date, as known after a part of the log."""
        as_of = f'asOf(date: "{date}") {{ {fields} }}'
        if known == HEAD:
            return execute_query(self.system, f"{{ {as_of} }}")["asOf"]
        return execute_query(self.system, f"{{ at(position: {self.positions[known]}) {{ {as_of} }} }}")["at"]["asOf"]

    def commitment(self, code: str, date: str, known: str = HEAD) -> Any:
        """Return a commitment at a date."""
        return self.read(f'commitment(code: "{code}") {{ {FIELDS} }}', date, known)["commitment"]

    def unknown(self, code: str, date: str, path: str, known: str = HEAD) -> tuple[Any, ...] | None:
        """Return the days between which a field of a commitment changed, and its candidates; None if it is known."""
        found = {each["path"]: each for each in self.commitment(code, date, known)["unknown"]}
        if path not in found:
            return None
        after, before = found[path]["after"], found[path]["before"]
        return after and after[:10], before[:10], found[path]["candidates"]

    def codes(self, arguments: str, date: str, known: str = HEAD) -> list[str]:
        """Return the codes of a list of commitments, which it has as many of as it says."""
        arguments = f"({arguments})" if arguments else ""
        found = self.read(f"commitments{arguments} {{ totalCount nodes {{ code }} }}", date, known)["commitments"]
        assert found["totalCount"] == len(found["nodes"])
        return [each["code"] for each in found["nodes"]]


def record_dated_log(system: System) -> dict[str, int]:
    """Record the log; returns the position after each of its parts."""
    positions = {}
    for name, record in _PARTS.items():
        record(system)
        positions[name] = read_position(system)
    return positions


def record_observations(system: System, order: Callable[[list[Observe]], list[Observe]]) -> None:
    """Record what was observed of the page and of the database, in an order of one's own."""
    crawls = [partial(_import_page, date=date, page=page) for date, page in (CRAWLS | LATE_CRAWLS).items()]
    files = [partial(_import_file, year=year) for year in DATABASE]
    for observe in order([*crawls, *files]):
        observe(system)


def _context(date: str, correlation: str | None = None, role: str = "publisher") -> CommandContext:
    time = datetime.fromisoformat(date).replace(tzinfo=UTC)
    return CommandContext(actor="account-7", role=role, time=time, correlation=correlation, reason="We were told so.")


def _import_page(system: System, date: str, page: Page, correlation: str | None = None) -> None:
    report = import_page(system, "a page", page.data, _context(date, correlation), limit_bytes=LIMIT)
    assert report.outcome in ("recorded", "seen again")


def _import_crawls(system: System) -> None:
    for date, page in CRAWLS.items():
        _import_page(system, date, page)


def _import_files(system: System) -> None:
    for year in DATABASE:
        _import_file(system, year)


def _import_file(system: System, year: int) -> None:
    import_file(system, build_csv("2024", DATABASE[year]), year)


def _record_statements(system: System) -> None:
    system.execute(_context("2021-04-01", role="reviewer"), _record_finding_and_milestone)
    system.execute(_context("2021-06-01", role="reviewer"), _record_kenya)


def _record_finding_and_milestone(uow: UnitOfWork) -> None:
    commitment = uow.require_by_code("commitment", "UY0901")
    rating = Rating(RatingState.RATED, RatingValue.SUBSTANTIAL)
    record_rating(
        *(uow, commitment, Indicator.COMPLETION, Stage.END_OF_TERM, rating),
        provenance=Provenance(effective_on="2020-S2"),
    )
    step: Facts = {"title/en": uow.text_value("A first table"), "endsOn": "2019-12"}
    add_milestone(uow, commitment, "1.1", step, Provenance(effective_on="2019-04"))
    complete_milestone(uow, uow.require_by_code("commitment", "UY0901"), "1.1", Provenance(effective_on="2019-Q4"))


def _record_kenya(uow: UnitOfWork) -> None:
    """Record a plan that begins later, of which it is said since when all is so, and one of which it is not."""
    member = register_member(uow, "KEN", {"prefix": "KE"})
    since = Provenance(effective_on="2021-06-01")
    for code, plan, starts_on, provenance in (
        ("KE0001", "KEN-2022", "2022-07", since),
        ("KE0002", "KEN-2016", "2016", Provenance()),
    ):
        cycle = int(plan[-4:])
        title: Facts = {"title/en": uow.text_value(f"Plan of {cycle}")}
        facts: Facts = {"member": member.id, "cycle": cycle, "status": "ACTIVE", **title}
        registered = register_action_plan(uow, plan, facts | {"startsOn": starts_on}, provenance)
        water: Facts = {"title/en": uow.text_value(f"Water for {code}"), "actionPlan": registered.id}
        register_commitment(uow, code, facts | water, provenance)


def _import_late_crawls(system: System) -> None:
    for date, page in LATE_CRAWLS.items():
        _import_page(system, date, page)


def _correct_rating(system: System) -> None:
    """Correct what the database of 2021 was read to state, and say that work on it had not begun."""
    path = rating_path(Indicator.COMPLETION, Stage.END_OF_TERM)

    def correct_second(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", "UY0801")
        events = uow.read_events(commitment.id, range(1, commitment.revision + 1)).values()
        wrong = next(
            event.revision
            for event in events
            if isinstance(rating := event.facts.get(path), Rating) and rating.value == RatingValue.SUBSTANTIAL
        )
        correct(uow, commitment, wrong, {path: Rating(RatingState.RATED, RatingValue.NOT_STARTED)})

    system.execute(_context("2026-01-01", role="reviewer"), correct_second)


def _import_wrong_page(system: System) -> None:
    _import_page(system, *WRONG_CRAWL, correlation="wrong-one")


def _revert_wrong_page(system: System) -> None:
    revert_import(system, "wrong-one", _context("2026-01-01"))


_PARTS = {
    "crawls": _import_crawls,
    "files": _import_files,
    "people": _record_statements,
    "late": _import_late_crawls,
    "corrected": _correct_rating,
    "wrong": _import_wrong_page,
    "reverted": _revert_wrong_page,
}
