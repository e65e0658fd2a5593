"""Records a step of the scenario: its observation of a source, and the commands of its statements."""

from __future__ import annotations

from typing import Any

from ogpgraph.application.translation import to_stored_value
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
from ogpgraph.domain.link import link_commitments
from ogpgraph.domain.member import register_member, revise_member
from ogpgraph.domain.milestone import complete_milestone, report_milestone, withdraw_milestone
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation, ReportedRating, TranslationKind, Value
from ogpgraph.domain.vocabulary import RatingState, RatingValue

_REFERENCED_TYPES = {"member": "member", "actionPlan": "plan"}


class StepRecorder:
    """Records one step in one unit of work."""

    def __init__(self, uow: UnitOfWork, step: ScenarioStep, observation: SourceObservation | None) -> None:
        self._uow = uow
        self._step = step
        self._observation = observation
        self._text = uow.text_ref(observation.text) if observation else ""

    def run(self) -> None:
        """Record the observation of a source, if the step makes one, then each statement."""
        if self._step.observes and self._observation:
            self._record_observation(self._observation)
        for index, statement in enumerate(self._step.statements):
            self._record_statement(_aggregate_type_of(statement.code), statement, self._provenance(index, statement))

    def _record_observation(self, observation: SourceObservation) -> None:
        content = Observation(content_hash=observation.content_hash, text=self._text, reader=READER)
        facts: Facts = {f"observations/{format_timestamp(observation.seen_at)}": content}
        if observation.seen_before_at:
            self._uow.append(observation.id, "SourceObserved", facts, Provenance(cause=Cause.SOURCE_CHANGED))
            return
        source = observation.source
        identity: Facts = {"type": source.type, "code": source.code, "language": source.language}
        self._uow.append(observation.id, "SourceRegistered", {**identity, **facts})

    def _record_statement(self, aggregate_type: str, statement: Statement, provenance: Provenance) -> None:
        facts = {} if statement.action == "link" else self._facts(aggregate_type, statement)
        if statement.action == "revise":
            self._register_or_revise(aggregate_type, statement.code, facts, provenance)
            return
        uow, milestone = self._uow, statement.milestone
        aggregate = uow.require_by_code(aggregate_type, statement.code)
        match statement.action:
            case "conclude":
                conclude_action_plan(uow, aggregate, facts, provenance)
            case "complete":
                complete_milestone(uow, aggregate, milestone, provenance)
            case "report":
                report_milestone(uow, aggregate, milestone, facts, provenance)
            case "correct":
                correct(uow, aggregate, self._mistaken_revision(aggregate, facts), facts, provenance)
            case "withdraw" if milestone:
                withdraw_milestone(uow, aggregate, milestone, provenance)
            case "withdraw":
                withdraw_commitment(uow, aggregate, provenance)
            case "link":
                successors = [uow.require_by_code("commitment", code) for code in statement.facts["successors"]]
                link_commitments(uow, aggregate, [], successors, provenance)

    def _register_or_revise(self, aggregate_type: str, code: str, facts: Facts, provenance: Provenance) -> None:
        uow = self._uow
        stream = uow.resolve_code(aggregate_type, code)
        match aggregate_type:
            case "member" if stream:
                revise_member(uow, uow.aggregate(stream), facts, provenance)
            case "member":
                register_member(uow, code, facts, provenance)
            case "plan" if stream:
                revise_action_plan(uow, uow.aggregate(stream), facts, provenance)
            case "plan":
                register_action_plan(uow, code, facts, provenance)
            case _ if stream:
                # `revise_commitment` would leave out values that are current already. Here each source that reports a
                # value makes a claim of its own.
                uow.append_all(stream, commitments.decide_events(uow.aggregate(stream), facts), provenance)
            case _:
                register_commitment(uow, code, facts, provenance)

    def _mistaken_revision(self, commitment: Aggregate, facts: Facts) -> int:
        """Return the revision of the event whose value is corrected."""
        claim = next(claim for path in facts if (claim := commitment.current_claim(path)))
        return claim.revision

    # Provenance

    def _provenance(self, index: int, statement: Statement) -> Provenance:
        step, observation = self._step, self._observation
        return Provenance(
            origin=statement.origin or step.origin or Origin.PERSON,
            cause=step.cause or self._cause(),
            language=observation.source.language if observation else None,
            source=observation.id if observation else None,
            evidence=(self._evidence(observation, index),) if observation else (),
            effective_on=step.effective_on,
            changed_between=Interval(before=observation.seen_at, after=observation.seen_before_at)
            if observation and step.observes
            else None,
        )

    def _evidence(self, observation: SourceObservation, index: int) -> Evidence:
        spans = observation.spans.get((self._step.key, index), {})
        return Evidence(source=observation.id, content_hash=observation.content_hash, text=self._text, spans=spans)

    def _cause(self) -> Cause:
        is_new_version = self._step.observes and self._observation and self._observation.seen_before_at
        return Cause.SOURCE_CHANGED if is_new_version else Cause.REPORTED

    # Values

    def _facts(self, aggregate_type: str, statement: Statement) -> Facts:
        if statement.action == "report":
            return self._report_facts(statement)
        # A list does not show in which language its titles were written.
        is_from_list = statement.origin is Origin.SIBLING_LIST
        translation_kind = TranslationKind.UNKNOWN if is_from_list else self._step.translation_kind
        return {
            path: self._value(aggregate_type, path, value, translation_kind) for path, value in statement.facts.items()
        }

    def _report_facts(self, statement: Statement) -> Facts:
        """Return the facts of a report on a milestone, whose update is dated by the step."""
        update_path = f"updates/{format_timestamp(self._step.at)}/en"
        return {
            update_path if path == "update" else path: self._uow.text_value(value) if path == "update" else value
            for path, value in statement.facts.items()
        }

    def _value(self, aggregate_type: str, path: str, value: Any, translation_kind: TranslationKind) -> Value:
        if path in _REFERENCED_TYPES:
            return self._uow.require_by_code(_REFERENCED_TYPES[path], value).id
        plain = _parse_rating(value) if isinstance(value, dict) else value
        return to_stored_value(
            self._uow, AGGREGATE_TYPES[aggregate_type].find_field(path).type, plain, translation_kind
        )


def _parse_rating(rating: dict[str, str]) -> ReportedRating:
    value = RatingValue(rating["value"]) if "value" in rating else None
    return ReportedRating(RatingState(rating.get("state", "RATED")), value, rating.get("said"))


def _aggregate_type_of(code: str) -> str:
    """Return the aggregate type of a code such as FRA, FRA-2015 or FR0009."""
    if "-" in code:
        return "plan"
    return "commitment" if code[-1].isdigit() else "member"
