"""Histories for property tests: commands of pages and people on a few members and commitments, in any order.

A history is a list of steps; a step is one unit of work, with its day and its commands. A command first registers what
it needs. Refusals are ignored, except that of `fail`, which ends its whole unit of work.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st

from ogpgraph.clock import format_timestamp
from ogpgraph.domain import action_plan as action_plan_commands
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import lineage as lineage_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain import merger as merger_commands
from ogpgraph.domain import milestone as milestone_commands
from ogpgraph.domain import review as review_commands
from ogpgraph.domain import vocabulary
from ogpgraph.domain.commitment import decide_events
from ogpgraph.domain.correction import correct
from ogpgraph.domain.errors import Conflict, Invalid, Refusal
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import source_id
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation, Rating, TextListValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState
from ogpgraph.system import System
from tests.domain.events import day

Command = Callable[[UnitOfWork], object]
MEMBERS = ["FRA", "ESP"]
COMMITMENTS = ["FR0001", "FR0002", "ES0001"]
LANGUAGES = ["en", "fr", "es"]
AREAS = ["Open Data", "Gender", "Tax"]


@dataclass(frozen=True)
class UnstoredText:
    """A text before there is a unit of work to store it."""

    text: str
    translation_kind: TranslationKind


@dataclass(frozen=True)
class Step:
    """One unit of work."""

    day: int
    commands: tuple[Command, ...]
    reason: str | None = None

    def run(self, uow: UnitOfWork) -> None:
        for command in self.commands:
            command(uow)


@dataclass
class HistoryOutcome:
    """The outcome of a history: the head after each step that recorded something, and how many steps were refused."""

    heads: list[int] = field(default_factory=list)
    refused: int = 0


def record_history(
    system: System, history: list[Step], after_each: Callable[[], object] = lambda: None
) -> HistoryOutcome:
    """Record a history."""
    outcome = HistoryOutcome()
    for step in history:
        act = CommandContext(actor="someone", role="publisher", time=day(step.day), reason=step.reason)
        try:
            receipt = system.execute(act, step.run)
        except Refusal:
            outcome.refused += 1
        else:
            outcome.heads += [receipt.positions[-1]] if receipt.positions else []
            after_each()
    return outcome


# Commands


def to_stored_facts(uow: UnitOfWork, facts: dict[str, Any]) -> Facts:
    """Facts with their texts stored by the unit of work, and with the ids of members and plans in place of codes."""
    stored: Facts = {}
    for path, value in facts.items():
        match value:
            case UnstoredText(text, translation_kind):
                stored[path] = uow.text_value(text, translation_kind)
            case [*texts] if path.startswith("leadInstitutions/"):
                stored[path] = TextListValue(tuple(uow.text_ref(text) for text in texts))
            case str() if path in ("member", "actionPlan"):
                aggregate_type = "member" if path == "member" else "plan"
                stored |= {path: stream} if (stream := uow.resolve_code(aggregate_type, value)) else {}
            case list():
                stored[path] = tuple(value)
            case _:
                stored[path] = value
    return stored


def record_member(uow: UnitOfWork, *, code: str, facts: dict[str, Any]) -> None:
    stream = uow.resolve_code("member", code)
    if stream is None:
        member_commands.register_member(
            uow, code, {"prefix": code[:2], "type": "NATIONAL", **to_stored_facts(uow, facts)}
        )
    else:
        member_commands.revise_member(uow, uow.aggregate(stream), to_stored_facts(uow, facts))


def record_plan(uow: UnitOfWork, *, member: str, year: int, facts: dict[str, Any]) -> None:
    code, stored = f"{member}-{year}", to_stored_facts(uow, {"member": member, **facts})
    stream = uow.resolve_code("plan", code)
    if stream is None:
        action_plan_commands.register_action_plan(uow, code, {"cycle": year, **stored})
    else:
        action_plan_commands.revise_action_plan(uow, uow.aggregate(stream), stored)


def record_statement(uow: UnitOfWork, *, code: str, facts: dict[str, Any], provenance: Provenance) -> None:
    """A page or a person states facts of a commitment, registered or not."""
    stream, stored = uow.resolve_code("commitment", code), to_stored_facts(uow, facts)
    if stream is None:
        commitment_commands.register_commitment(uow, code, stored, provenance)
    elif provenance.origin is Origin.PERSON:
        commitment_commands.revise_commitment(uow, uow.aggregate(stream), stored, provenance)
    else:
        uow.append_all(stream, decide_events(uow.aggregate(stream), stored), provenance)


def ensure_commitment(uow: UnitOfWork, code: str) -> str:
    """The id of a commitment, which is registered unless it is."""
    stream = uow.resolve_code("commitment", code)
    return (
        stream or commitment_commands.register_commitment(uow, code, {"title/en": uow.text_value(f"About {code}")}).id
    )


def record_earlier_observation(uow: UnitOfWork, *, code: str, facts: dict[str, Any], provenance: Provenance) -> None:
    uow.append(ensure_commitment(uow, code), "CommitmentSeenEarlier", to_stored_facts(uow, facts), provenance)


def correct_commitment(uow: UnitOfWork, *, code: str, facts: dict[str, Any]) -> None:
    ensure_commitment(uow, code)
    commitment, corrected = uow.require_by_code("commitment", code), to_stored_facts(uow, facts)
    if all(commitment.value(path) != value for path, value in corrected.items()):
        for path, value in corrected.items():
            claim = commitment.current_claim(path)
            if claim is not None:
                with suppress(Conflict):
                    correct(uow, uow.aggregate(commitment.id), claim.revision, {path: value})


def withdraw_events(uow: UnitOfWork, *, code: str, revisions: set[int]) -> None:
    """Withdraw some events of a commitment, whatever they carry, except the one that registered it."""
    stream = ensure_commitment(uow, code)
    commitment = uow.aggregate(stream)
    older = sorted(r for r in revisions if 1 < r <= commitment.revision and r not in commitment.withdrawn)
    if older:
        uow.withdraw(stream, "CommitmentReverted", older, {}, Provenance(cause=Cause.CORRECTION))


def record_rating(uow: UnitOfWork, *, code: str, indicator: str, stage: str, rating: Rating) -> None:
    ensure_commitment(uow, code)
    review_commands.record_rating(
        uow, uow.require_by_code("commitment", code), vocabulary.Indicator(indicator), vocabulary.Stage(stage), rating
    )


def complete_milestone(uow: UnitOfWork, *, code: str, number: str) -> None:
    ensure_commitment(uow, code)
    with suppress(Conflict):
        milestone_commands.add_milestone(
            uow, uow.require_by_code("commitment", code), number, {"title/en": uow.text_value("a milestone")}
        )
    milestone_commands.complete_milestone(uow, uow.require_by_code("commitment", code), number)


def recode_commitment(uow: UnitOfWork, *, code: str, new_code: str) -> None:
    ensure_commitment(uow, code)
    with suppress(Conflict):
        lineage_commands.recode_commitment(uow, uow.require_by_code("commitment", code), new_code)


def merge_commitments(uow: UnitOfWork, *, code: str, into: str) -> None:
    ensure_commitment(uow, code)
    ensure_commitment(uow, into)
    with suppress(Invalid):
        merger_commands.merge_commitments(
            uow, [uow.require_by_code("commitment", code)], uow.require_by_code("commitment", into)
        )


def split_commitment(uow: UnitOfWork, *, code: str, part: str) -> None:
    ensure_commitment(uow, code)
    with suppress(Conflict):
        lineage_commands.split_commitment(uow, uow.require_by_code("commitment", code), {part: {}})


def fail(uow: UnitOfWork) -> None:
    uow.require_by_code("commitment", "XX9999")


def record_observation(uow: UnitOfWork, *, code: str, language: str, at: int, content: str) -> None:
    stream, seen = source_id("PAGE", code, language), Observation(f"sha256:{content * 64}", uow.text_ref(content), "r1")
    facts: Facts = {f"observations/{format_timestamp(day(at))}": seen}
    if uow.aggregate(stream).revision:
        uow.append(stream, "SourceObserved", facts, Provenance(origin=Origin.HEADER))
    else:
        about: Facts = {"type": "PAGE", "code": code, "language": language}
        uow.append(stream, "SourceRegistered", about | facts, Provenance(origin=Origin.HEADER))


def withdraw_commitment(uow: UnitOfWork, *, code: str) -> None:
    ensure_commitment(uow, code)
    commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", code))


# Facts

unstored_texts = st.builds(
    UnstoredText,
    st.sampled_from(["open", "closed", "Données", "Une donnée", "a\nb", ""]),
    st.sampled_from(TranslationKind),
)
partial_dates = st.sampled_from(["2018", "2018-S2", "2019-03", "2019-03-15", "2019/.."])


def ratings_of(indicator: str) -> st.SearchStrategy[Rating]:
    values = vocabulary.VALUES_OF[vocabulary.Indicator(indicator)]
    rated = st.builds(Rating, st.just(RatingState.RATED), st.sampled_from(values))
    return rated | st.builds(Rating, st.sampled_from([RatingState.PENDING, RatingState.NOT_REVIEWED]))


def at_paths(values: dict[str, st.SearchStrategy[Any]], *, most: int = 6) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these paths, each with a value or None."""
    entries = [st.tuples(st.just(path), value | st.none()) for path, value in values.items()]
    return st.lists(st.one_of(entries), min_size=1, max_size=most).map(dict)


COMMITMENT_PATHS: dict[str, st.SearchStrategy[Any]] = {
    **{f"title/{language}": unstored_texts for language in LANGUAGES},
    "description/fr": unstored_texts,
    "leadInstitutions/en": st.lists(st.sampled_from(["Ministry", "Agency"]), max_size=2),
    "policyAreas": st.lists(st.sampled_from(AREAS), max_size=2, unique=True),
    "status": st.sampled_from(list(vocabulary.CommitmentStatus)),
    "startsOn": partial_dates,
    "endsOn": partial_dates,
    "cycle": st.sampled_from([2015, 2018]),
    "member": st.sampled_from(MEMBERS),
    "actionPlan": st.sampled_from(["FRA-2015", "FRA-2018"]),
    **{f"milestones/{number}/title/en": unstored_texts for number in ("1.1", "1.10")},
    "milestones/1.1/status": st.sampled_from(list(vocabulary.MilestoneStatus)),
    "milestones/1.2/endsOn": partial_dates,
    "ratings/COMPLETION/MIDTERM": ratings_of("COMPLETION"),
    "ratings/COMPLETION/END_OF_TERM": ratings_of("COMPLETION"),
    "ratings/STARRED/DESIGN": ratings_of("STARRED"),
    "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION": ratings_of("RELEVANCE"),
    "narratives/DESIGN/SUMMARY/en": unstored_texts,
}
commitment_facts = at_paths(COMMITMENT_PATHS)
codes = st.sampled_from(COMMITMENTS)
days = st.integers(0, 20)


@st.composite
def page_provenances(draw: st.DrawFn, *, late: bool = False) -> Provenance:
    """The provenance of a page's facts: where on the page, in which language, and when they were observed."""
    origin = draw(st.sampled_from([Origin.HEADER, Origin.NARRATIVE, Origin.SIBLING_LIST, Origin.DATABASE]))
    language, seen, before = draw(st.sampled_from(LANGUAGES)), draw(days), draw(st.none() | st.integers(1, 5))
    source = source_id("PAGE", "x", language)
    after = day(seen - before) if before else None
    return Provenance(
        origin=origin,
        cause=Cause.SOURCE_CHANGED if after else Cause.REPORTED,
        language=language,
        source=source,
        evidence=(Evidence(source, "sha256:0", None, {"title/en": (0, 4)}),),
        changed_between=Interval(before=day(seen), after=None if late else after),
    )


commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        partial,
        st.just(record_statement),
        code=codes,
        facts=commitment_facts,
        provenance=st.just(Provenance()) | page_provenances(),
    ),
    st.builds(partial, st.just(record_statement), code=codes, facts=commitment_facts, provenance=page_provenances()),
    st.builds(
        partial,
        st.just(record_earlier_observation),
        code=codes,
        facts=commitment_facts,
        provenance=page_provenances(late=True),
    ),
    st.builds(partial, st.just(correct_commitment), code=codes, facts=commitment_facts),
    st.builds(partial, st.just(withdraw_events), code=codes, revisions=st.sets(st.integers(2, 30), max_size=4)),
    st.builds(
        partial,
        st.just(record_member),
        code=st.sampled_from(MEMBERS),
        facts=at_paths(
            {"name/en": unstored_texts, "name/fr": unstored_texts, "region": st.sampled_from(["Europe", "Africa"])}
        ),
    ),
    st.builds(
        partial,
        st.just(record_plan),
        member=st.sampled_from(MEMBERS),
        year=st.sampled_from([2015, 2018]),
        facts=at_paths({"title/en": unstored_texts, "title/fr": unstored_texts, "startsOn": partial_dates}),
    ),
    st.sampled_from(["COMPLETION", "AMBITION", "STARRED"]).flatmap(
        lambda indicator: st.builds(
            partial,
            st.just(record_rating),
            code=codes,
            indicator=st.just(indicator),
            stage=st.sampled_from(["DESIGN", "RESULTS"]),
            rating=ratings_of(indicator),
        )
    ),
    st.builds(partial, st.just(complete_milestone), code=codes, number=st.sampled_from(["1.1", "1.2"])),
    st.builds(
        partial, st.just(recode_commitment), code=codes, new_code=st.sampled_from(["FR0101", "FR0102", "FR0001"])
    ),
    st.builds(partial, st.just(merge_commitments), code=codes, into=codes),
    st.builds(
        partial,
        st.just(record_observation),
        code=codes,
        language=st.sampled_from(LANGUAGES),
        at=days,
        content=st.sampled_from("abc"),
    ),
    st.builds(partial, st.just(withdraw_commitment), code=codes),
    st.builds(partial, st.just(split_commitment), code=codes, part=st.sampled_from(["FR0201", "FR0202"])),
    st.just(fail),
)
steps = st.builds(
    Step,
    day=days,
    commands=st.lists(commands, min_size=1, max_size=4).map(tuple),
    reason=st.sampled_from([None, "why"]),
)
histories = st.lists(steps, min_size=1, max_size=12)
