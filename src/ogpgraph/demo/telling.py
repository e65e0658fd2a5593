"""From a scene to commands: what is said of each thing, by whom, on what words."""

from __future__ import annotations

from typing import Any

from ogpgraph.application import Basis, Session
from ogpgraph.clock import timestamp
from ogpgraph.demo.sights import READER, Sight
from ogpgraph.demo.story import Scene, Statement
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Interval, Observation, Rating, Value
from ogpgraph.domain.vocabulary import RatingState, RatingValue

_REFERENCES = {"member": "member", "actionPlan": "plan"}


class Telling:
    """One scene, told in one session."""

    def __init__(self, session: Session, scene: Scene, sight: Sight | None) -> None:
        self._session = session
        self._scene = scene
        self._sight = sight
        self._text = session.word(sight.text) if sight else ""

    def run(self) -> None:
        """Record the sight of a source, then everything that is said."""
        if self._scene.sees and self._sight:
            self._observe(self._sight)
        for place, statement in enumerate(self._scene.says):
            kind = "plan" if "-" in statement.of else "commitment" if statement.of[-1].isdigit() else "member"
            self._state(kind, statement, self._facts(kind, statement), self._basis(place, statement))

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
        match statement.does:
            case "revise":
                self._revise(kind, code, facts, basis)
            case "conclude":
                session.conclude_action_plan(code, facts, basis)
            case "complete":
                session.complete_milestone(code, milestone, basis)
            case "report":
                session.report_milestone(code, milestone, facts, basis)
            case "correct":
                session.correct(code, facts, self._mistaken(code, facts), basis)
            case "withdraw" if milestone:
                session.withdraw_milestone(code, milestone, basis)
            case "withdraw":
                session.withdraw_commitment(code, basis)
            case "link":
                session.link_commitments(code, [], statement.facts["successors"], basis)

    def _revise(self, kind: str, code: str, facts: Facts, basis: Basis) -> None:
        session = self._session
        stream = session.meaning_of(kind, code)
        match kind:
            case "member":
                session.revise_member(stream, facts, basis) if stream else session.register_member(code, facts, basis)
            case "plan" if stream:
                session.revise_action_plan(stream, facts, basis)
            case "plan":
                session.register_action_plan(code, facts, basis)
            case _ if stream:
                # Not `revise_commitment`: that another says the same is here a claim of its own.
                session.record(stream, commitments.changes_of(session.subject(stream), facts), basis)
            case _:
                session.register_commitment(code, facts, basis)

    def _mistaken(self, code: str, facts: Facts) -> str:
        """Return the id of the event that said what is now corrected."""
        commitment = self._session.require("commitment", code)
        claim = next(claim for path in facts if (claim := commitment.current(path)))
        return self._session.events(commitment.id)[claim.revision - 1].envelope.id

    # On what it rests

    def _basis(self, place: int, statement: Statement) -> Basis:
        scene, sight = self._scene, self._sight
        return Basis(
            origin=statement.origin or scene.origin or Origin.PERSON,
            cause=scene.cause or self._cause(),
            language=sight.source.language if sight else None,
            source=sight.id if sight else None,
            evidence=(self._evidence(sight, place),) if sight else (),
            effective_on=scene.effective_on,
            changed_between=Interval(before=sight.seen_at, after=sight.seen_before_at)
            if sight and scene.sees
            else None,
        )

    def _evidence(self, sight: Sight, place: int) -> Evidence:
        spans = sight.spans.get((self._scene.key, place), {})
        return Evidence(source=sight.id, content_hash=sight.content_hash, text=self._text, spans=spans)

    def _cause(self) -> Cause:
        changed = self._scene.sees and self._sight and self._sight.seen_before_at
        return Cause.SOURCE_CHANGED if changed else Cause.REPORTED

    # Values

    def _facts(self, kind: str, statement: Statement) -> Facts:
        if statement.does == "report":
            at = timestamp(self._scene.at)
            return {
                f"updates/{at}/en" if path == "update" else path: self._reported(path, value)
                for path, value in statement.facts.items()
            }
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
