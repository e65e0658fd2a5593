"""From a scene to commands: what is said of each thing, by whom, on what words."""

from __future__ import annotations

from typing import Any

from ogpgraph.clock import format_timestamp
from ogpgraph.demo.observations import READER, SourceObservation
from ogpgraph.demo.scenario import ScenarioStep, Statement
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.action_plan import conclude_action_plan, register_action_plan, revise_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.commitment import register_commitment, withdraw_commitment
from ogpgraph.domain.correction import correct
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.lineage import link_commitments
from ogpgraph.domain.member import register_member, revise_member
from ogpgraph.domain.milestone import complete_milestone, report_milestone, withdraw_milestone
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation, Rating, TextListValue, TextValue, TranslationKind, Value
from ogpgraph.domain.vocabulary import RatingState, RatingValue

_REFERENCES = {"member": "member", "actionPlan": "plan"}


class StepRecorder:
    """One scene, told in one session."""

    def __init__(self, uow: UnitOfWork, step: ScenarioStep, observation: SourceObservation | None) -> None:
        self._uow = uow
        self._step = step
        self._observation = observation
        self._text = uow.text_ref(observation.text) if observation else ""

    def run(self) -> None:
        """Record the sight of a source, then everything that is said."""
        if self._step.observes and self._observation:
            self._observe(self._observation)
        for place, statement in enumerate(self._step.statements):
            kind = "plan" if "-" in statement.code else "commitment" if statement.code[-1].isdigit() else "member"
            self._record_statement(kind, statement, self._facts(kind, statement), self._basis(place, statement))

    def _observe(self, observation: SourceObservation) -> None:
        seen = Observation(content_hash=observation.content_hash, text=self._text, reader=READER)
        facts: Facts = {f"observations/{format_timestamp(observation.seen_at)}": seen}
        if observation.seen_before_at:
            self._uow.append(observation.id, "SourceObserved", facts, Provenance(cause=Cause.SOURCE_CHANGED))
            return
        source = observation.source
        known: Facts = {"type": source.type, "code": source.code, "language": source.language}
        self._uow.append(observation.id, "SourceRegistered", {**known, **facts})

    def _record_statement(self, kind: str, statement: Statement, facts: Facts, provenance: Provenance) -> None:
        if statement.action == "revise":
            self._revise(kind, statement.code, facts, provenance)
            return
        uow, milestone = self._uow, statement.milestone
        subject = uow.require_by_code(kind, statement.code)
        match statement.action:
            case "conclude":
                conclude_action_plan(uow, subject, facts, provenance)
            case "complete":
                complete_milestone(uow, subject, milestone, provenance)
            case "report":
                report_milestone(uow, subject, milestone, facts, provenance)
            case "correct":
                correct(uow, subject, self._mistaken_event_id(subject, facts), facts, provenance)
            case "withdraw" if milestone:
                withdraw_milestone(uow, subject, milestone, provenance)
            case "withdraw":
                withdraw_commitment(uow, subject, provenance)
            case "link":
                successors = [uow.require_by_code("commitment", code) for code in statement.facts["successors"]]
                link_commitments(uow, subject, [], successors, provenance)

    def _revise(self, kind: str, code: str, facts: Facts, provenance: Provenance) -> None:
        uow = self._uow
        stream = uow.resolve_code(kind, code)
        match kind:
            case "member" if stream:
                revise_member(uow, uow.aggregate(stream), facts, provenance)
            case "member":
                register_member(uow, code, facts, provenance)
            case "plan" if stream:
                revise_action_plan(uow, uow.aggregate(stream), facts, provenance)
            case "plan":
                register_action_plan(uow, code, facts, provenance)
            case _ if stream:
                # Not `revise_commitment`: that another says the same is here a claim of its own.
                uow.append_all(stream, commitments.decide_events(uow.aggregate(stream), facts), provenance)
            case _:
                register_commitment(uow, code, facts, provenance)

    def _mistaken_event_id(self, commitment: Aggregate, facts: Facts) -> str:
        """Return the id of the event whose value is now corrected."""
        claim = next(claim for path in facts if (claim := commitment.current_claim(path)))
        return self._uow.events(commitment.id)[claim.revision - 1].envelope.id

    # On what it rests

    def _basis(self, place: int, statement: Statement) -> Provenance:
        step, observation = self._step, self._observation
        return Provenance(
            origin=statement.origin or step.origin or Origin.PERSON,
            cause=step.cause or self._cause(),
            language=observation.source.language if observation else None,
            source=observation.id if observation else None,
            evidence=(self._evidence(observation, place),) if observation else (),
            effective_on=step.effective_on,
            changed_between=Interval(before=observation.seen_at, after=observation.seen_before_at)
            if observation and step.observes
            else None,
        )

    def _evidence(self, observation: SourceObservation, place: int) -> Evidence:
        spans = observation.spans.get((self._step.key, place), {})
        return Evidence(source=observation.id, content_hash=observation.content_hash, text=self._text, spans=spans)

    def _cause(self) -> Cause:
        changed = self._step.observes and self._observation and self._observation.seen_before_at
        return Cause.SOURCE_CHANGED if changed else Cause.REPORTED

    # Values

    def _facts(self, kind: str, statement: Statement) -> Facts:
        if statement.action == "report":
            at = format_timestamp(self._step.at)
            return {
                f"updates/{at}/en" if path == "update" else path: self._reported(path, value)
                for path, value in statement.facts.items()
            }
        made = TranslationKind.UNKNOWN if statement.origin is Origin.SIBLING_LIST else self._step.translation_kind
        return {path: self._value(kind, path, value, made) for path, value in statement.facts.items()}

    def _reported(self, path: str, value: str) -> Value:
        return self._uow.text_value(value) if path == "update" else value

    def _value(self, kind: str, path: str, value: Any, made: TranslationKind) -> Value:
        noun, word = AGGREGATE_TYPES[kind], self._uow.text_ref
        match value:
            case dict():
                return self._rating(value)
            case str() if path in _REFERENCES:
                return self._uow.require_by_code(_REFERENCES[path], value).id
            case str() if noun.holds_text(path):
                return TextValue(word(value), made)
            case list() if noun.holds_text_list(path):
                return TextListValue(tuple(word(each) for each in value), made)
            case list():
                return tuple(value)
            case _:
                return value  # type: ignore[no-any-return]  # its form is checked when it is said

    def _rating(self, rating: dict[str, str]) -> Rating:
        value = RatingValue(rating["value"]) if "value" in rating else None
        state = RatingState(rating.get("state", "RATED"))
        return Rating(state, value, self._uow.text_ref(rating["said"]) if "said" in rating else None)
