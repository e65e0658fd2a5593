"""Histories as hypothesis makes them up: what members, commitments, pages and people might say, in any order.

A history is a list of steps; a step is one session, with the day on which it is said and the deeds in it. What a deed
needs to be there it first registers; what then is refused is left out, but for `fail`, which ends its whole session.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st

from ogpgraph.application import Act, Basis, Session
from ogpgraph.clock import timestamp
from ogpgraph.domain import vocabulary
from ogpgraph.domain.commitment import changes_of
from ogpgraph.domain.errors import Conflict, Invalid, Refusal
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import source_id
from ogpgraph.domain.text import Made, Wordings
from ogpgraph.domain.values import Interval, Observation, Rating
from ogpgraph.domain.vocabulary import RatingState
from ogpgraph.system import System
from tests.domain.events import day

Deed = Callable[[Session], object]
MEMBERS = ["FRA", "ESP"]
COMMITMENTS = ["FR0001", "FR0002", "ES0001"]
LANGUAGES = ["en", "fr", "es"]
AREAS = ["Open Data", "Gender", "Tax"]


@dataclass(frozen=True)
class Words:
    """A wording before there is a session to keep it."""

    text: str
    made: Made


@dataclass(frozen=True)
class Step:
    """One session."""

    day: int
    deeds: tuple[Deed, ...]
    reason: str | None = None

    def run(self, session: Session) -> None:
        for deed in self.deeds:
            deed(session)


@dataclass
class Told:
    """What became of a history in a system: the head after each step, and which steps were refused."""

    heads: list[int] = field(default_factory=list)
    refused: int = 0


def tell(system: System, history: list[Step], after_each: Callable[[], object] = lambda: None) -> Told:
    """Record a history, each step as one session."""
    told = Told()
    for step in history:
        act = Act(actor="someone", role="publisher", time=day(step.day), reason=step.reason)
        try:
            receipt = system.record(act, step.run)
        except Refusal:
            told.refused += 1
        else:
            told.heads += [receipt.positions[-1]] if receipt.positions else []
            after_each()
    return told


# Deeds


def spoken(session: Session, facts: dict[str, Any]) -> Facts:
    """Facts with their words kept by the session, and references to members and plans in place of codes."""
    said: Facts = {}
    for path, value in facts.items():
        match value:
            case Words(text, made):
                said[path] = session.wording(text, made)
            case [*texts] if path.startswith("leadInstitutions/"):
                said[path] = Wordings(tuple(session.word(text) for text in texts))
            case str() if path in ("member", "actionPlan"):
                kind = "member" if path == "member" else "plan"
                said |= {path: stream} if (stream := session.meaning_of(kind, value)) else {}
            case list():
                said[path] = tuple(value)
            case _:
                said[path] = value
    return said


def state_member(session: Session, *, code: str, facts: dict[str, Any]) -> None:
    stream = session.meaning_of("member", code)
    if stream is None:
        session.register_member(code, {"prefix": code[:2], "type": "NATIONAL", **spoken(session, facts)})
    else:
        session.revise_member(stream, spoken(session, facts))


def state_plan(session: Session, *, member: str, year: int, facts: dict[str, Any]) -> None:
    code, said = f"{member}-{year}", spoken(session, {"member": member, **facts})
    stream = session.meaning_of("plan", code)
    if stream is None:
        session.register_action_plan(code, {"cycle": year, **said})
    else:
        session.revise_action_plan(stream, said)


def state(session: Session, *, code: str, facts: dict[str, Any], basis: Basis) -> None:
    """A page or a person says things of a commitment, known or not."""
    stream, said = session.meaning_of("commitment", code), spoken(session, facts)
    if stream is None:
        session.register_commitment(code, said, basis)
    elif basis.origin is Origin.PERSON:
        session.revise_commitment(stream, said, basis)
    else:
        session.record(stream, changes_of(session.subject(stream), said), basis)


def known(session: Session, code: str) -> str:
    """The id of a commitment, registered now unless it was."""
    stream = session.meaning_of("commitment", code)
    return stream or session.register_commitment(code, {"title/en": session.wording(f"About {code}")}).id


def see_late(session: Session, *, code: str, facts: dict[str, Any], basis: Basis) -> None:
    session.say(known(session, code), "CommitmentSeenEarlier", spoken(session, facts), basis)


def correct(session: Session, *, code: str, facts: dict[str, Any]) -> None:
    known(session, code)
    with suppress(Conflict):
        session.correct(code, spoken(session, facts), "event")


def rate(session: Session, *, code: str, indicator: str, stage: str, rating: Rating) -> None:
    known(session, code)
    session.record_rating(code, vocabulary.Indicator(indicator), vocabulary.Stage(stage), rating)


def complete(session: Session, *, code: str, number: str) -> None:
    known(session, code)
    with suppress(Conflict):
        session.add_milestone(code, number, {"title/en": session.wording("a milestone")})
    session.complete_milestone(code, number)


def recode(session: Session, *, code: str, new_code: str) -> None:
    known(session, code)
    with suppress(Conflict):
        session.recode_commitment(code, new_code)


def merge(session: Session, *, code: str, into: str) -> None:
    known(session, code)
    known(session, into)
    with suppress(Invalid):
        session.merge_commitments([code], into)


def split(session: Session, *, code: str, part: str) -> None:
    known(session, code)
    with suppress(Conflict):
        session.split_commitment(code, {part: {}})


def fail(session: Session) -> None:
    session.require("commitment", "XX9999")


def observe(session: Session, *, code: str, language: str, at: int, content: str) -> None:
    stream, seen = source_id("PAGE", code, language), Observation(f"sha256:{content * 64}", session.word(content), "r1")
    facts: Facts = {f"observations/{timestamp(day(at))}": seen}
    if session.subject(stream).revision:
        session.say(stream, "SourceObserved", facts, Basis(origin=Origin.HEADER))
    else:
        about: Facts = {"type": "PAGE", "code": code, "language": language}
        session.say(stream, "SourceRegistered", about | facts, Basis(origin=Origin.HEADER))


def withdraw(session: Session, *, code: str) -> None:
    known(session, code)
    session.withdraw_commitment(code)


# What is said

words = st.builds(Words, st.sampled_from(["open", "closed", "Données", "a\nb", ""]), st.sampled_from(Made))
partial_dates = st.sampled_from(["2018", "2018-S2", "2019-03", "2019-03-15", "2019/.."])


def ratings_of(indicator: str) -> st.SearchStrategy[Rating]:
    values = vocabulary.VALUES_OF[vocabulary.Indicator(indicator)]
    rated = st.builds(Rating, st.just(RatingState.RATED), st.sampled_from(values))
    return rated | st.builds(Rating, st.sampled_from([RatingState.PENDING, RatingState.NOT_REVIEWED]))


def at_paths(values: dict[str, st.SearchStrategy[Any]], *, most: int = 6) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these paths, each with a value or with nothing."""
    entries = [st.tuples(st.just(path), value | st.none()) for path, value in values.items()]
    return st.lists(st.one_of(entries), min_size=1, max_size=most).map(dict)


COMMITMENT_PATHS: dict[str, st.SearchStrategy[Any]] = {
    **{f"title/{language}": words for language in LANGUAGES},
    "description/fr": words,
    "leadInstitutions/en": st.lists(st.sampled_from(["Ministry", "Agency"]), max_size=2),
    "policyAreas": st.lists(st.sampled_from(AREAS), max_size=2, unique=True),
    "status": st.sampled_from(list(vocabulary.CommitmentStatus)),
    "startsOn": partial_dates,
    "endsOn": partial_dates,
    "cycle": st.sampled_from([2015, 2018]),
    "member": st.sampled_from(MEMBERS),
    "actionPlan": st.sampled_from(["FRA-2015", "FRA-2018"]),
    **{f"milestones/{number}/title/en": words for number in ("1.1", "1.10")},
    "milestones/1.1/status": st.sampled_from(list(vocabulary.MilestoneStatus)),
    "milestones/1.2/endsOn": partial_dates,
    "ratings/COMPLETION/MIDTERM": ratings_of("COMPLETION"),
    "ratings/COMPLETION/END_OF_TERM": ratings_of("COMPLETION"),
    "ratings/STARRED/DESIGN": ratings_of("STARRED"),
    "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION": ratings_of("RELEVANCE"),
    "narratives/DESIGN/SUMMARY/en": words,
}
facts = at_paths(COMMITMENT_PATHS)
codes = st.sampled_from(COMMITMENTS)
days = st.integers(0, 20)


@st.composite
def pages(draw: st.DrawFn, *, late: bool = False) -> Basis:
    """What a page's statement rests on: where it stands, in which language, and when it was seen."""
    origin = draw(st.sampled_from([Origin.HEADER, Origin.NARRATIVE, Origin.SIBLING_LIST, Origin.DATABASE]))
    language, seen, before = draw(st.sampled_from(LANGUAGES)), draw(days), draw(st.none() | st.integers(1, 5))
    source = source_id("PAGE", "x", language)
    after = day(seen - before) if before else None
    return Basis(
        origin=origin,
        cause=Cause.SOURCE_CHANGED if after else Cause.REPORTED,
        language=language,
        source=source,
        evidence=(Evidence(source, "sha256:0", None, {"title/en": (0, 4)}),),
        changed_between=Interval(before=day(seen), after=None if late else after),
        late=late,
    )


deeds: st.SearchStrategy[Deed] = st.one_of(
    st.builds(partial, st.just(state), code=codes, facts=facts, basis=st.just(Basis()) | pages()),
    st.builds(partial, st.just(state), code=codes, facts=facts, basis=pages()),
    st.builds(partial, st.just(see_late), code=codes, facts=facts, basis=pages(late=True)),
    st.builds(partial, st.just(correct), code=codes, facts=facts),
    st.builds(
        partial,
        st.just(state_member),
        code=st.sampled_from(MEMBERS),
        facts=at_paths({"name/en": words, "name/fr": words, "region": st.sampled_from(["Europe", "Africa"])}),
    ),
    st.builds(
        partial,
        st.just(state_plan),
        member=st.sampled_from(MEMBERS),
        year=st.sampled_from([2015, 2018]),
        facts=at_paths({"title/en": words, "title/fr": words, "startsOn": partial_dates}),
    ),
    st.sampled_from(["COMPLETION", "AMBITION", "STARRED"]).flatmap(
        lambda indicator: st.builds(
            partial,
            st.just(rate),
            code=codes,
            indicator=st.just(indicator),
            stage=st.sampled_from(["DESIGN", "RESULTS"]),
            rating=ratings_of(indicator),
        )
    ),
    st.builds(partial, st.just(complete), code=codes, number=st.sampled_from(["1.1", "1.2"])),
    st.builds(partial, st.just(recode), code=codes, new_code=st.sampled_from(["FR0101", "FR0102", "FR0001"])),
    st.builds(partial, st.just(merge), code=codes, into=codes),
    st.builds(
        partial,
        st.just(observe),
        code=codes,
        language=st.sampled_from(LANGUAGES),
        at=days,
        content=st.sampled_from("abc"),
    ),
    st.builds(partial, st.just(withdraw), code=codes),
    st.builds(partial, st.just(split), code=codes, part=st.sampled_from(["FR0201", "FR0202"])),
    st.just(fail),
)
steps = st.builds(
    Step, day=days, deeds=st.lists(deeds, min_size=1, max_size=4).map(tuple), reason=st.sampled_from([None, "why"])
)
histories = st.lists(steps, min_size=1, max_size=12)
