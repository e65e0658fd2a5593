"""From a scene to commands: what is said of each thing, by whom, on what words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ogpgraph.application import Basis, Session
from ogpgraph.clock import timestamp
from ogpgraph.demo.sights import READER, Sight
from ogpgraph.demo.story import Scene, Statement
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Interval, Observation, Rating, Value
from ogpgraph.domain.vocabulary import RatingState, RatingValue

EventId = Callable[[str, int], str]
_REFERENCES = {"member": "member", "actionPlan": "plan", "predecessors": "commitment", "successors": "commitment"}
_EVENTS = {"withdraw": "CommitmentWithdrawn", "link": "CommitmentLinked"}


class Telling:
    """One scene, told in one session; `event_id` gives the id of the event that made a revision of a stream."""

    def __init__(self, session: Session, scene: Scene, sight: Sight | None, event_id: EventId) -> None:
        self._session = session
        self._scene = scene
        self._sight = sight
        self._text = session.word(sight.text) if sight else ""
        self._event_id = event_id

    def run(self) -> None:
        """Record the sight of a source, then everything that is said."""
        if self._scene.sees and self._sight:
            self._observe(self._sight)
        for statement in self._scene.says:
            kind = "plan" if "-" in statement.of else "commitment" if statement.of[-1].isdigit() else "member"
            self._state(kind, statement, self._facts(kind, statement), self._basis(statement))

    def _observe(self, sight: Sight) -> None:
        seen = Observation(content_hash=sight.content_hash, text=self._text, reader=READER)
        facts: Facts = {f"observations/{timestamp(sight.seen_at)}": seen}
        if sight.seen_before_at:
            self._session.say(sight.id, "SourceObserved", facts, Basis(cause=Cause.SOURCE_CHANGED))
            return
        source = sight.source
        known: Facts = {"type": source.type, "code": source.code, "language": source.language}
        self._session.say(sight.id, "SourceRegistered", {**known, **facts})

    def _state(self, kind: str, statement: Statement, facts: Facts, basis: Basis) -> None:
        session, code, milestone = self._session, statement.of, statement.milestone
        match kind, statement.does:
            case "member", _:
                session.register_member(code, facts, basis)
            case "plan", "conclude":
                session.conclude_action_plan(code, facts, basis)
            case "plan", _:
                session.register_action_plan(code, facts, basis)
            case _, "complete":
                session.complete_milestone(code, milestone, basis)
            case _, "report":
                session.report_milestone(code, milestone, facts, basis)
            case _, "correct":
                session.correct(code, facts, self._mistaken(code, facts), basis)
            case _, "withdraw" | "link" as deed:
                session.say(session.require(kind, code).id, _EVENTS[deed], facts, basis)
            case _ if session.meaning_of(kind, code) is None:
                session.register_commitment(code, facts, basis)
            case _:
                self._revise(session.require(kind, code), facts, basis)

    def _revise(self, commitment: Subject, facts: Facts, basis: Basis) -> None:
        """Record what this speaker has not said yet: that another says the same is a claim of its own."""
        said = commitment.said_by(basis.origin, basis.source)
        news: Facts = {path: value for path, value in facts.items() if path not in said or said[path].value != value}
        self._session.record(commitment.id, commitments.changes_of(commitment, news), basis)

    def _mistaken(self, code: str, facts: Facts) -> str:
        """Return the id of the event that said what is now corrected."""
        commitment = self._session.require("commitment", code)
        claim = next(claim for path in facts if (claim := commitment.current(path)))
        return self._event_id(commitment.id, claim.revision)

    # On what it rests

    def _basis(self, statement: Statement) -> Basis:
        scene, sight = self._scene, self._sight
        return Basis(
            origin=statement.origin or scene.origin or Origin.PERSON,
            cause=scene.cause or self._cause(),
            language=sight.source.language if sight else None,
            source=sight.id if sight else None,
            evidence=(self._evidence(sight, statement),) if sight else (),
            effective_on=scene.effective_on,
            changed_between=Interval(before=sight.seen_at, after=sight.seen_before_at) if sight and scene.sees else None,
        )

    def _evidence(self, sight: Sight, statement: Statement) -> Evidence:
        spans = sight.spans_of(self._scene, statement)
        return Evidence(source=sight.id, content_hash=sight.content_hash, text=self._text, spans=spans)

    def _cause(self) -> Cause:
        changed = self._scene.sees and self._sight and self._sight.seen_before_at
        return Cause.SOURCE_CHANGED if changed else Cause.REPORTED

    # Values

    def _facts(self, kind: str, statement: Statement) -> Facts:
        if statement.does == "report":
            at = timestamp(self._scene.at)
            return {f"updates/{at}/en" if path == "update" else path: self._reported(path, value)
                    for path, value in statement.facts.items()}
        made = Made.UNKNOWN if statement.origin is Origin.SIBLING_LIST else self._scene.made
        return {path: self._value(kind, path, value, made) for path, value in statement.facts.items()}

    def _reported(self, path: str, value: str) -> Value:
        return self._session.wording(value) if path == "update" else value

    def _value(self, kind: str, path: str, value: Any, made: Made) -> Value:
        noun, word = NOUNS[kind], self._session.word
        match value:
            case dict():
                return self._rating(value)
            case str() if path in _REFERENCES:
                return self._session.require(_REFERENCES[path], value).id
            case str() if noun.holds_wording(path):
                return Wording(word(value), made)
            case list() if path in _REFERENCES:
                return tuple(self._session.require(_REFERENCES[path], each).id for each in value)
            case list() if noun.holds_wordings(path):
                return Wordings(tuple(word(each) for each in value), made)
            case list():
                return tuple(value)
            case _:
                return value  # type: ignore[no-any-return]  # its form is checked when it is said

    def _rating(self, rating: dict[str, str]) -> Rating:
        value = RatingValue(rating["value"]) if "value" in rating else None
        state = RatingState(rating.get("state", "RATED"))
        return Rating(state, value, self._session.word(rating["said"]) if "said" in rating else None)
