"""What an observation adds to what its source was read to state, such that the order of imports makes no difference.

An observation adds a statement where it says something else than the source said just before, and where it narrows the
interval of a change that follows. Where it is older than others, the next observation says again what was said before.

One value in several spellings is stated in the spelling in which the source stated it first. So an older observation
may change the spelling of later statements: these are stated again, as another reading of their observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec import structs

from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source_statements import (
    NOTHING_STATED,
    RecordedStatement,
    Surroundings,
    has_one_statement,
    statement_histories,
    surrounding_statements,
)
from ogpgraph.domain.statement import statement_interval
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation, Value
from ogpgraph.importer.observations.observation import ObservationOutcome, Says, Spans, says_all

IsSame = Callable[[str, Value, Value], bool]
"""Returns whether two values at a path mean the same, in whatever spelling; the relation is transitive."""

IsCutOff = Callable[[str, Value, Value], bool]
"""Returns whether a value at a path is another one of which the end is missing."""

Covers = Callable[[str, Value | None], bool]
"""Returns whether an observation says that there is nothing at a path, where there was a value."""

Withdraws = Callable[[str, Value | None, datetime, Observation], bool]
"""Returns whether an observation, made at a time, says that there is nothing at a path, where there was a value."""

_IDENTITY_GROUPS = frozenset({"code", "codes", "key", "member"})
"""The groups of fields by which an aggregate is known; no source withdraws them."""


@dataclass(frozen=True)
class ObservedChanges:
    """The facts that an observation adds.

    `restated` are those that later observations say again, by their index in `later`; `respelled` those that older
    events state in another spelling from now on, by their revision. At the paths in `cut_off` the end of what was
    stated before is missing, so that nothing is added.
    """

    stated: Facts
    restated: dict[int, Facts] = field(default_factory=dict)
    respelled: dict[int, Facts] = field(default_factory=dict)
    cut_off: tuple[str, ...] = ()


def covers_all(_path: str, _value: Value | None = None) -> bool:
    """Tell of observations that say something, or that there is nothing, at every path."""
    return True


def covers_none(_path: str, _value: Value | None = None) -> bool:
    """Tell of observations that what they lack may be so nevertheless."""
    return False


def is_never_cut_off(_path: str, _value: Value, _other: Value) -> bool:
    """Tell of sources whose values are whole."""
    return False


def says_none(_path: str, _time: datetime, _observation: Observation) -> bool:
    """Tell of sources of which no observation shows that it says nothing."""
    return False


def is_identity(path: str) -> bool:
    """Return whether an aggregate is known by what is stated at a path, which no source withdraws."""
    return path.partition("/")[0] in _IDENTITY_GROUPS


class _SaidAgain(NamedTuple):
    """What a later observation, by its place in `later`, says again."""

    place: int
    value: Value | None


class SourceStatements:
    """What one zone of a source was read to state of an aggregate, around one of the source's observations.

    `says` tells whether an observation states something at a path (without `withdraws`: or that there is nothing);
    `withdraws` whether it says that there is nothing; `dates` whether what is new at a path became so after it.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        stream: str,
        origin: Origin,
        outcome: ObservationOutcome,
        says: Says = says_all,
        withdraws: Withdraws | None = None,
        dates: Says | None = None,
    ) -> None:
        self._uow = uow
        self._stream = stream
        self._outcome = outcome
        self._says = says
        self._withdraws = withdraws
        self._dates = dates or says
        self._key = origin, outcome.observation.source
        self.around: Mapping[str, Surroundings] = surrounding_statements(
            uow.aggregate(stream), self._key, outcome.moment, partial(uow.read_events, stream)
        )

    def value_at(self, path: str, moment: datetime) -> Value | None:
        """Return what the source stated at a path at a moment, None if nothing."""
        until = [each.value for each in self.histories([path])[path] if each.before <= moment]
        return until[-1] if until else None

    def histories(self, paths: Iterable[str]) -> dict[str, list[RecordedStatement]]:
        """Return path → all statements there, oldest first."""
        read = partial(self._uow.read_events, self._stream)
        return statement_histories(self._uow.aggregate(self._stream), self._key, tuple(paths), read)

    def changes(
        self, facts: Facts, is_same: IsSame, covers: Covers, is_cut_off: IsCutOff = is_never_cut_off
    ) -> ObservedChanges:
        """Return what the facts of the observation add.

        At other paths that the observation `covers` it says that there is nothing, unless they identify the aggregate.
        """
        facts, respelled = self._unify_spellings(facts, is_same)
        cut_off = [
            path
            for path, value in facts.items()
            if value is not None and self._is_cut_off(path, value, self.around.get(path), respelled, is_cut_off)
        ]
        facts = {path: value for path, value in facts.items() if path not in cut_off}
        # Sorted, so that events do not depend on the order of a set.
        missing = sorted(
            path
            for path in self.around.keys() - facts.keys() - set(cut_off)
            if covers(path, self.around[path].value) and not is_identity(path)
        )
        stated: Facts = {}
        restated: dict[int, Facts] = {}
        for path in (*facts, *missing):
            value, known = facts.get(path), self.around.get(path, NOTHING_STATED)
            if value == known.value:
                if known.is_narrowed_by(self._outcome.moment) and not is_identity(path):
                    stated[path] = value
                continue
            stated[path] = value
            again = self._said_again(path, known.value, value)
            if again is None or (again.value is None and is_identity(path)):
                continue
            if known.next is None or known.next.before > self._outcome.later[again.place][0]:
                restated.setdefault(again.place, {})[path] = again.value
        return ObservedChanges(stated, restated, respelled, tuple(cut_off))

    def _is_cut_off(
        self,
        path: str,
        value: Value,
        known: Surroundings | None,
        respelled: dict[int, Facts],
        is_cut_off: IsCutOff,
    ) -> bool:
        """Return whether a value is what was stated before without its end.

        Where it is whole, and older than statements without their end, these are stated again as a whole.
        """
        if known is None or value == known.value:
            return False
        if known.value is not None and is_cut_off(path, value, known.value):
            return True
        if known.next is None or known.next.value is None or not is_cut_off(path, known.next.value, value):
            return False
        for each in self.histories([path])[path]:
            if each.before <= self._outcome.moment or each.is_amended:
                continue
            if each.value is None or not is_cut_off(path, each.value, value):
                break
            respelled.setdefault(each.revision, {})[path] = value
        return False

    def evidence_in(self, recorded: Observation, spans: Spans) -> tuple[Evidence, ...]:
        """Return the evidence of facts with these passages in the canonical text of an observation."""
        return (Evidence(self._outcome.observation.source, recorded.content_hash, recorded.text, spans),)

    def evidence_again(self, facts: Facts, recorded: Observation, row: int | None = None) -> tuple[Evidence, ...]:
        """Return the evidence of facts that a later observation says again: the quotes of when it was said before."""
        quoted: dict[int, set[str]] = {}
        for path, history in self.histories(path for path, value in facts.items() if value is not None).items():
            former = [each for each in history if each.before <= self._outcome.moment and each.value == facts[path]]
            if former:
                quoted.setdefault(former[-1].revision, set()).add(path)
        events = self._uow.read_events(self._stream, quoted.keys()) if quoted else {}
        found = [
            structs.replace(
                item,
                content_hash=recorded.content_hash,
                spans={path: span for path, span in item.spans.items() if path in paths},
                row=row,
                columns={path: column for path, column in item.columns.items() if path in paths},
            )
            for revision, paths in sorted(quoted.items())
            for item in events[revision].envelope.evidence
        ]
        return tuple(found) or (Evidence(self._outcome.observation.source, recorded.content_hash),)

    def split_by_interval(
        self, facts: Facts, provenance: Provenance, *, is_begin_known: bool = True
    ) -> list[tuple[Facts, Provenance]]:
        """Return facts by the interval in which they became so: not every observation says something at every path.

        No interval has a begin where facts identify the aggregate, and where the source stated nothing before unless
        its observations show that it did not (`is_begin_known`).
        """
        grouped: dict[Interval, Facts] = {}
        for path, value in facts.items():
            is_dated = is_begin_known or self.around.get(path, NOTHING_STATED).last is not None
            interval = Interval(before=self._outcome.moment)
            if is_dated and not is_identity(path):
                interval = self._outcome.interval_of(path, self._dates)
            grouped.setdefault(interval, {})[path] = value
        return [
            (dated_facts, structs.replace(provenance, changed_between=interval))
            for interval, dated_facts in grouped.items()
        ]

    def _said_again(self, path: str, former: Value | None, value: Value | None) -> _SaidAgain | None:
        """Return what the next observation that says anything at a path says there, since it added nothing so far.

        It says what was stated before, or that there is nothing where the value was until now.
        """
        for index, (time, recorded) in enumerate(self._outcome.later):
            if self._withdraws is not None and self._withdraws(path, value, time, recorded):
                return _SaidAgain(index, None)
            if self._says(path, time, recorded):
                return _SaidAgain(index, former)
        return None

    def _unify_spellings(self, facts: Facts, is_same: IsSame) -> tuple[Facts, dict[int, Facts]]:
        """Return facts in the spellings in which the source stated them first, and later statements to respell."""
        unified, unclear = dict(facts), []
        for path, value in facts.items():
            known = self.around.get(path)
            if value is None or known is None or value == known.value:
                continue
            if known.value is not None and is_same(path, known.value, value):
                unified[path] = known.value
            elif known.next or not has_one_statement(self._uow.aggregate(self._stream), path, self._key):
                unclear.append(path)
        respelled: dict[int, Facts] = {}
        for path, history in (self.histories(unclear) if unclear else {}).items():
            value = unified[path]
            same = [each for each in history if each.value and value and is_same(path, each.value, value)]
            if not same:
                continue
            if same[0].before <= self._outcome.moment:
                unified[path] = same[0].value
                continue
            for each in same:
                if each.value != value and not each.is_amended:
                    respelled.setdefault(each.revision, {})[path] = value
        return unified, respelled


QuoteAgain = Callable[[SourceStatements, Facts, Observation], tuple[Evidence, ...]]
"""Returns the evidence of facts that a later observation says again."""


def record_respelled(uow: UnitOfWork, stream: str, name: str, respelled: Mapping[int, Facts]) -> None:
    """Append events that state facts of older events in another spelling, with all else that is known of these."""
    for revision, facts in respelled.items():
        event = uow.read_events(stream, [revision])[revision]
        envelope = event.envelope
        provenance = Provenance(
            origin=envelope.origin,
            cause=Cause.EXTRACTION,
            language=envelope.language,
            source=envelope.source,
            evidence=envelope.evidence,
            changed_between=statement_interval(event),
        )
        uow.append(stream, name, facts, provenance)
