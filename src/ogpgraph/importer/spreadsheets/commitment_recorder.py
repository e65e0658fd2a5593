"""Records the commitments of rows: only differences from the file's previous claims become events.

A difference that is due to a new layout of the file has the cause METHODOLOGY. A file says something only at the paths
for which its layout has columns, and a row that it lacks counts as unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from msgspec import structs

from ogpgraph.application.translation import to_published_facts
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.code import code_path
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.domain.source_statements import NOTHING_STATED, Surroundings
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Value, value_text_references
from ogpgraph.importer.observations.differences import ObservedChanges, SourceStatements, record_respelled
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.observations.value_equivalence import LoadTexts, TextLookup, is_equivalent_cell_value
from ogpgraph.importer.spreadsheets.codebook import Codebook
from ogpgraph.importer.spreadsheets.file_observation import FileContents, FileHistory, row_names
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity
from ogpgraph.importer.spreadsheets.parsed_row import ParsedRow
from ogpgraph.importer.spreadsheets.year_only_dates import adopt_earlier_dates


@dataclass(frozen=True)
class ImportContext:
    """The data that all rows of an observed file share.

    At `silent_paths` the file says nothing. `matched_streams` and `commitment_keys` are by row number;
    `previous_codebook` is of the file observed before this one, None if there is none.
    """

    outcome: ObservationOutcome
    codebook: Codebook
    previous_codebook: Codebook | None
    member_streams: dict[str, str]
    plan_streams: dict[PlanKey, str]
    matched_streams: dict[int, str]
    commitment_keys: dict[int, str]
    names_in_file: frozenset[str]
    silent_paths: frozenset[str]
    files: FileHistory

    @property
    def source(self) -> str:
        """Return the stream of the source that the file is an observation of."""
        return self.outcome.observation.source


@dataclass(frozen=True)
class _PreparedRow:
    """A row's facts as stored values, its commitment, if it has one, and what files stated of that.

    `names` are the codes and keys by which rows refer to the commitment.
    """

    identity: RowIdentity
    parsed: ParsedRow
    facts: Facts
    names: frozenset[str]
    stream: str | None = None
    statements: SourceStatements | None = None

    @property
    def around(self) -> Mapping[str, Surroundings]:
        """Return path → the statements of the files around this one."""
        return self.statements.around if self.statements else {}


class CommitmentRecorder:
    """Records rows of one observed file in a unit of work."""

    def __init__(self, uow: UnitOfWork, context: ImportContext, load_texts: LoadTexts) -> None:
        self._uow = uow
        self._context = context
        self._load_texts = load_texts
        self._texts: dict[str, str] = {}

    def record(self, rows: Iterable[tuple[RowIdentity, ParsedRow]]) -> None:
        """Append the events for rows; those that cannot be recorded get a remark.

        They have a former code whose present one has a row, too, or a code that means a commitment of another member.
        """
        prepared = []
        for row in [self._prepare(identity, parsed) for identity, parsed in rows]:
            if other := self._other_member(row):
                text = f"{row.identity.code} is the code of a commitment of {other}, and the row is of "
                row.parsed.add_remark("", "other-member", f"{text}{row.identity.member.code}; not recorded")
            elif (code := self._superseding_code(row)) is None:
                prepared.append(row)
            else:
                text = f"{row.identity.code} is a former code of {code}, which has a row, too; not recorded"
                row.parsed.add_remark("", "former-code", text)
        self._texts = self._load_compared_texts(prepared)
        for row in prepared:
            self._record_row(row, self._lookup_text)

    # Preparing rows

    def _prepare(self, identity: RowIdentity, parsed: ParsedRow) -> _PreparedRow:
        def report(path: str, text: str) -> None:
            parsed.add_remark(parsed.columns.get(path, ""), "not-recorded", text)

        values = {path: each.value for path, each in parsed.facts.items()}
        facts = to_published_facts(self._uow, COMMITMENT, values, report)
        facts["member"] = self._context.member_streams[identity.member.code]
        facts["actionPlan"] = self._context.plan_streams[identity.plan]
        identifying = {
            "code": identity.code,
            "planNumber": identity.plan.number,
            "cycle": identity.cycle,
            "number": identity.number,
        }
        facts |= {path: value for path, value in identifying.items() if value is not None}
        stream = self._find_stream(identity)
        commitment = self._uow.aggregate(stream) if stream else Aggregate("")
        if identity.code is None:
            facts["key"] = self._context.commitment_keys[identity.row_number]
        else:
            path = code_path(identity.code)
            facts[path] = True
            parsed.spans[path], parsed.columns[path] = parsed.spans["code"], parsed.columns["code"]
        names = row_names(self._uow, commitment, self._context.source) | {self._code_or_key(identity)}
        if stream is None:
            return _PreparedRow(identity, parsed, facts, names)
        if commitment.string("code") not in (None, identity.code):
            # The file has a former code of the commitment, which is not a reason to recode it back.
            facts.pop("code", None)
        says = partial(self._context.files.says_of_row, names)
        statements = SourceStatements(self._uow, stream, Origin.DATABASE, self._context.outcome, says)
        for path in parsed.imprecise_paths & statements.around.keys():
            # A year does not contradict a date within it that was read before.
            if path in facts and str(statements.around[path].value).startswith(str(facts[path])):
                facts[path] = statements.around[path].value
        return _PreparedRow(identity, parsed, facts, names, stream, statements)

    def _find_stream(self, identity: RowIdentity) -> str | None:
        stream = self._uow.resolve_code("commitment", self._code_or_key(identity))
        return stream or self._context.matched_streams.get(identity.row_number)

    def _code_or_key(self, identity: RowIdentity) -> str:
        return identity.code or self._context.commitment_keys[identity.row_number]

    def _other_member(self, row: _PreparedRow) -> str | None:
        """Return the code of the member that the row's commitment belongs to, None if it is the row's, or none yet."""
        member = self._uow.aggregate(row.stream).string("member") if row.stream else None
        if member is None or member == row.facts["member"]:
            return None
        return self._uow.aggregate(member).string("code")

    def _superseding_code(self, row: _PreparedRow) -> str | None:
        """Return the present code of the row's commitment if the row has a former one and the file has both."""
        code = self._uow.aggregate(row.stream).string("code") if row.stream else None
        is_former = row.identity.code is not None and row.identity.code != code
        return code if is_former and code in self._context.names_in_file else None

    def _load_compared_texts(self, rows: list[_PreparedRow]) -> dict[str, str]:
        """Return the texts of all values that differ by reference, and may be the same in another spelling."""
        needed: set[str] = set()
        for row in rows:
            for path, known in row.around.items():
                for stated in filter(None, (known.last, known.next)):
                    if (value := row.facts.get(path)) is not None and value != stated.value:
                        needed.update(value_text_references(stated.value))
        pending = {reference: text for reference, (_, text) in self._uow.texts.items()}
        return self._load_texts(needed - pending.keys()) | pending

    def _lookup_text(self, reference: str) -> str | None:
        """Return a text: nearly always one of those that were loaded together."""
        if reference not in self._texts:
            self._texts |= self._load_texts([reference])
        return self._texts.get(reference)

    # Recording rows

    def _record_row(self, row: _PreparedRow, lookup_text: TextLookup) -> None:
        provenance = self._provenance(row.parsed)
        if all(known.value is None and known.next is None for known in row.around.values()):
            self._record_first(row, provenance)
            return
        assert row.statements is not None  # the file has claims there
        is_same = partial(is_equivalent_cell_value, lookup_text=lookup_text)
        changes = row.statements.changes(row.facts, is_same, partial(self._says, row.parsed))
        if self._context.outcome.is_late:
            self._record_earlier_state(row, changes, provenance)
        else:
            self._record_changes(row, changes.stated, provenance)

    def _provenance(self, parsed: ParsedRow) -> Provenance:
        outcome = self._context.outcome
        evidence = Evidence(
            self._context.source,
            outcome.observation.content_hash,
            self._uow.text_ref(parsed.text),
            parsed.spans,
            parsed.row_number,
            {path: " ".join(column.split()) for path, column in parsed.columns.items()},
        )
        return structs.replace(outcome.provenance(Origin.DATABASE, {}), evidence=(evidence,))

    def _record_first(self, row: _PreparedRow, provenance: Provenance) -> None:
        """Record a commitment of which the file has no claims: one event for the commitment, one for its ratings."""
        # Earlier files say nothing about rows that they lack.
        provenance = structs.replace(provenance, changed_between=Interval(before=self._context.outcome.moment))
        stream = row.stream or self._uow.new_stream("commitment")
        facts = dict(row.facts)
        if row.stream is None:
            self._uow.reserve_code("commitment", self._code_or_key(row.identity), stream)
        else:
            self._record_code(row, facts, provenance)
        self._append_in_bulk(stream, facts, provenance)

    def _record_changes(self, row: _PreparedRow, changed: Facts, provenance: Provenance) -> None:
        assert row.stream is not None and row.statements is not None  # noqa: PT018 - the file has claims there
        stream = row.stream
        for cause, caused in self._split_by_cause(row, changed, provenance.cause):
            for facts, dated in row.statements.split_by_interval(caused, provenance.with_cause(cause)):
                self._record_code(row, facts, dated)
                if cause is Cause.METHODOLOGY:
                    self._append_in_bulk(stream, facts, dated)
                else:
                    events = commitments.decide_events(self._uow.aggregate(stream), facts)
                    self._uow.append_all(stream, events, dated)

    def _record_earlier_state(self, row: _PreparedRow, changes: ObservedChanges, provenance: Provenance) -> None:
        """Record what an older file adds: past values, intervals that it narrows, and facts that no newer file has."""
        assert row.stream is not None and row.statements is not None  # noqa: PT018 - the file has claims there
        outcome = self._context.outcome
        published = self._context.codebook.published_dates
        changes = adopt_earlier_dates(changes, row.statements, published, outcome.moment, outcome.later)
        for facts, dated in row.statements.split_by_interval(changes.stated, provenance):
            self._record_code(row, facts, dated)
            self._uow.append(row.stream, "CommitmentSeenEarlier", facts, dated)
        record_respelled(self._uow, row.stream, "CommitmentSeenEarlier", changes.respelled)
        for index, facts in changes.restated.items():
            later = outcome.later[index]
            number = self._context.files.row_number(row.names, later[1])
            evidence = row.statements.evidence_again(facts, later[1], number)
            again = outcome.provenance_of(Origin.DATABASE, later, evidence)
            self._uow.append(row.stream, "CommitmentSeenEarlier", facts, again)

    def _record_code(self, row: _PreparedRow, facts: Facts, provenance: Provenance) -> None:
        """Give a recorded commitment that has no code the row's, which leaves the facts; a refusal is a remark.

        The key of a row without a code is reserved for the commitment, so that it finds it next time.
        """
        assert row.stream is not None  # the commitment is recorded
        commitment, code = self._uow.aggregate(row.stream), row.identity.code
        if code is None:
            key = self._code_or_key(row.identity)
            if self._uow.resolve_code("commitment", key) is None:
                self._uow.reserve_code("commitment", key, row.stream)
        elif commitment.string("code") is None and facts.pop("code", None):
            facts.pop(code_path(code), None)
            try:
                recode_commitment(self._uow, commitment, code, provenance)
            except Refusal as refusal:
                text = f"{refusal.message}; recorded without the code"
                row.parsed.add_remark(row.parsed.columns["code"], "code-refused", text)

    def _append_in_bulk(self, stream: str, facts: Facts, provenance: Provenance) -> None:
        """Append one event for the ratings and one for all other facts: no single one of them is a change by itself."""
        ratings = {path: value for path, value in facts.items() if path.startswith("ratings/")}
        others = {path: value for path, value in facts.items() if path not in ratings}
        revised, rated = "CommitmentRevised", "RatingRecorded"
        if self._context.outcome.is_late:
            revised = rated = "CommitmentSeenEarlier"
        self._uow.append(
            stream, revised if self._uow.aggregate(stream).revision else "CommitmentRegistered", others, provenance
        )
        self._uow.append(stream, rated, ratings, provenance)

    # Differences

    def _says(self, parsed: ParsedRow, path: str, _value: Value | None = None) -> bool:
        """Return whether a row without a value at a path says that there is none."""
        is_read = path != "actionPlan" and path not in parsed.unread_paths
        context = self._context
        return is_read and FileContents(context.codebook, {}, {}, frozenset(), silent=context.silent_paths).covers(path)

    def _split_by_cause(self, row: _PreparedRow, changed: Facts, cause: Cause) -> list[tuple[Cause, Facts]]:
        """Separate the differences that the new layout alone explains from changes in what the file reports."""
        previous = self._context.previous_codebook
        if previous is None or cause is not Cause.SOURCE_CHANGED:
            return [(cause, changed)]
        # The cell of a date that is the same as before: it is only written in another way.
        dates = self._context.codebook.published_dates.items()
        respelled = {cell for date, cell in dates if date not in changed and row.facts.get(date)}
        methodology = {path: value for path, value in changed.items() if path in respelled}
        if previous.version == self._context.codebook.version:
            return [(Cause.METHODOLOGY, methodology), (cause, _without(changed, methodology))]
        methodology |= {
            path: value for path, value in changed.items() if path not in row.around and not previous.covers(path)
        }
        rest = _without(changed, methodology)
        # Policy areas that only one of the two taxonomies has appear and disappear with the layout. So a changed list
        # is recorded in two steps: from `before` to `between` by the layout, from there to `after` by the source.
        in_both = previous.taxonomy & self._context.codebook.taxonomy
        for path in [path for path in rest if path.startswith("policyAreas")]:
            before = _areas(row.around.get(path, NOTHING_STATED).value)
            after = _areas(rest.pop(path))
            between = (before & in_both) | (after - in_both)
            if between != before:
                methodology[path] = _areas_value(path, between)
            if after != between:
                rest[path] = _areas_value(path, after)
        return [(Cause.METHODOLOGY, methodology), (cause, rest)]


def _without(facts: Facts, others: Facts) -> Facts:
    return {path: value for path, value in facts.items() if path not in others}


def _areas(value: Value | None) -> frozenset[str]:
    return frozenset(value) if isinstance(value, tuple) else frozenset()


def _areas_value(path: str, areas: frozenset[str]) -> tuple[str, ...] | None:
    """Return areas as a value; an empty list of areas without a finding is no value at all."""
    return tuple(sorted(areas)) if areas or path == "policyAreas" else None
