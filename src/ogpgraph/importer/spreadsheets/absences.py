"""Records which commitments a whole file of the database does not list any more, and which it lists again.

A file that is not whole, because rows of it could not be read or because it is only a part, says nothing of what it
lacks. A missing row withdraws no value: the commitment stays as it was described, and is `listed` no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Observation, Value
from ogpgraph.importer.observations.differences import SourceStatements, covers_none
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.spreadsheets.file_observation import LISTED, FileHistory, row_names

NOT_LISTED: Facts = {LISTED: False}
_REVISED, _SEEN_EARLIER = "CommitmentRevised", "CommitmentSeenEarlier"


class AbsenceRecorder:
    """Records the absences of one observed file in units of work; `files` are all files that were observed."""

    def __init__(self, uow: UnitOfWork, outcome: ObservationOutcome, files: FileHistory) -> None:
        self._uow = uow
        self._outcome = outcome
        self._files = files

    def record_missing(self, names: Iterable[str], names_in_file: frozenset[str]) -> list[str]:
        """Record that the file does not list the commitments of some names; returns those that it really lacks.

        A commitment that it lists under another name is not missing, nor is one that was merged into another.
        """
        missing = []
        for name, commitment in self._find(names):
            if names_in_file.isdisjoint(all_names := self._row_names(commitment)):
                missing.append(name)
                self._record(commitment, self._statements(commitment, all_names))
        return missing

    def record_missing_later(self, names: Iterable[str]) -> None:
        """Record that later files, which were imported before this one, do not list commitments that this one lists.

        They said nothing of these as long as no file was known that listed them.
        """
        for _, commitment in self._find(names):
            names_of_rows = self._row_names(commitment)
            stated = {each.before for each in self._statements(commitment, names_of_rows).histories([LISTED])[LISTED]}
            was_listed = True
            for later in self._outcome.later:
                is_listed = self._files.is_listed(names_of_rows, later[1])
                if is_listed not in (None, was_listed):
                    was_listed = is_listed
                    if later[0] not in stated:
                        facts: Facts = {LISTED: None} if is_listed else NOT_LISTED
                        self._uow.append(commitment.id, _SEEN_EARLIER, facts, self._provenance_of(later))

    def _find(self, names: Iterable[str]) -> Iterator[tuple[str, Aggregate]]:
        seen = set()
        for name in names:
            stream = self._uow.resolve_code("commitment", name)
            if stream is None or stream in seen:
                continue
            seen.add(stream)
            commitment = self._uow.aggregate(stream)
            if commitment.string("mergedInto") is None:
                yield name, commitment

    def _row_names(self, commitment: Aggregate) -> frozenset[str]:
        return row_names(self._uow, commitment, self._outcome.observation.source)

    def _statements(self, commitment: Aggregate, names: frozenset[str]) -> SourceStatements:
        says = partial(self._files.says_of_row, names)
        return SourceStatements(self._uow, commitment.id, Origin.DATABASE, self._outcome, says)

    def _record(self, commitment: Aggregate, statements: SourceStatements) -> None:
        changes = statements.changes(NOT_LISTED, _is_same, covers_none)
        provenance = self._outcome.provenance(Origin.DATABASE, {})
        name = _SEEN_EARLIER if self._outcome.is_late else _REVISED
        for facts, dated in statements.split_by_interval(changes.stated, provenance):
            self._uow.append(commitment.id, name, facts, dated)
        for index, facts in changes.restated.items():
            self._uow.append(commitment.id, _SEEN_EARLIER, facts, self._provenance_of(self._outcome.later[index]))

    def _provenance_of(self, later: tuple[datetime, Observation]) -> Provenance:
        """Return the provenance of what a later file says; a row that it lacks cannot be quoted."""
        evidence = (Evidence(self._outcome.observation.source, later[1].content_hash),)
        return self._outcome.provenance_of(Origin.DATABASE, later, evidence)


def _is_same(_path: str, one: Value, other: Value) -> bool:
    return one == other
