"""Brings rows into the record: each states its facts, and only what differs from what the file said is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import structs

from ogpgraph.application import Provenance, UnitOfWork
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.aggregate import Claim
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.values import Rating, TextListValue, TextValue, TranslationKind, Value, value_text_references
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.observations.value_equivalence import is_equivalent_cell_value
from ogpgraph.importer.pages.extraction import ExtractedRating, ExtractedValue
from ogpgraph.importer.spreadsheets.codebook import Codebook
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity
from ogpgraph.importer.spreadsheets.row_parser import ParsedRow

_IDENTITY = frozenset(("code", "key", "member", "actionPlan"))
TextLoader = Callable[[Iterable[str]], dict[str, str]]


@dataclass(frozen=True)
class ImportContext:
    """One state of the file: what it allows to be said, its form and the former state's, whose rows are whose."""

    outcome: ObservationOutcome
    codebook: Codebook
    previous_codebook: Codebook | None
    member_streams: dict[str, str]
    plan_streams: dict[PlanKey, str]
    matched_streams: dict[int, str]
    commitment_keys: dict[int, str]
    codes_in_file: frozenset[str]

    @property
    def source(self) -> str:
        """Return the id of the file as a source."""
        return self.outcome.observation.source


@dataclass(frozen=True)
class _Statement:
    """What a row says of a commitment, ready to be compared with what is so."""

    stream: str | None
    identity: RowIdentity
    parsed: ParsedRow
    facts: Facts
    own: dict[str, Claim]


class CommitmentRecorder:
    """Brings rows of one state into the record, in one session; `load_texts` gives wordings by their references."""

    def __init__(self, uow: UnitOfWork, context: ImportContext, load_texts: TextLoader) -> None:
        self._uow = uow
        self._context = context
        self._load_texts = load_texts

    def record(self, rows: Iterable[tuple[RowIdentity, ParsedRow]]) -> None:
        """Record what is new in some rows."""
        found = [self._build_statement(identity, parsed) for identity, parsed in rows]
        statements = [each for each in found if not self._has_row_under_current_code(each)]
        texts = self._load_texts_of(statements)
        for statement in statements:
            self._record_statement(statement, texts)

    def _build_statement(self, identity: RowIdentity, parsed: ParsedRow) -> _Statement:
        facts: Facts = {path: self._stored_value(path, said) for path, said in parsed.facts.items()}
        facts |= {
            "member": self._context.member_streams[identity.member.code],
            "actionPlan": self._context.plan_streams[identity.plan],
        }
        known = {"code": identity.code, "planNumber": identity.plan.number, "cycle": identity.cycle}
        facts |= {path: value for path, value in {**known, "number": identity.number}.items() if value is not None}
        stream = self._stream(identity)
        if stream and self._uow.aggregate(stream).string("code") not in (None, identity.code):
            facts.pop("code", None)  # the file uses a code that the commitment no longer has
        own = self._uow.aggregate(stream).claims_from(Origin.DATABASE, self._context.source) if stream else {}
        for path in parsed.imprecise_paths & own.keys():
            # What is certain of a doubtful date does not contradict what was known more exactly.
            before = own[path].value
            facts[path] = before if str(before).startswith(str(facts[path])) else facts[path]
        return _Statement(stream, identity, parsed, facts, own)

    def _has_row_under_current_code(self, statement: _Statement) -> bool:
        """Tell whether the row has a former code of a commitment that has another row, under its present code."""
        code = self._uow.aggregate(statement.stream).string("code") if statement.stream else None
        if code in (None, statement.identity.code) or code not in self._context.codes_in_file:
            return False
        if statement.identity.code is None:
            return False
        text = f"{statement.identity.code} is a former code of {code}, which has a row too; not recorded"
        statement.parsed.add_remark("", "former-code", text)
        return True

    def _stream(self, identity: RowIdentity) -> str | None:
        code = identity.code or self._context.commitment_keys[identity.row_number]
        return self._uow.resolve_code("commitment", code) or self._context.matched_streams.get(identity.row_number)

    def _stored_value(self, path: str, said: ExtractedValue) -> Value:
        word, value = self._uow.text_ref, said.value
        if isinstance(value, ExtractedRating):
            return Rating(value.state, value.value, word(value.stated_as))
        if isinstance(value, tuple) and COMMITMENT.holds_text_list(path):
            return TextListValue(tuple(word(each) for each in value))
        return TextValue(word(str(value)), TranslationKind.UNKNOWN) if COMMITMENT.holds_text(path) else value

    def _load_texts_of(self, statements: list[_Statement]) -> dict[str, str]:
        """Return the wordings that it takes to tell a re-spelled value from another one."""
        needed: set[str] = set()
        for each in statements:
            for path, claim in each.own.items():
                if (new := each.facts.get(path)) is not None and new != claim.value:
                    needed.update(value_text_references(claim.value))
        fresh = {reference: text for reference, (_, text) in self._uow.texts.items()}
        return self._load_texts(needed - fresh.keys()) | fresh

    # Saying it

    def _record_statement(self, statement: _Statement, texts: dict[str, str]) -> None:
        provenance = self._basis(statement.parsed)
        stream = statement.stream or self._uow.new_stream("commitment")
        if all(claim.value is None for claim in statement.own.values()):
            self._record_first(stream, statement, provenance)
        elif provenance.late:
            self._record_earlier_state(stream, statement, provenance, texts)
        else:
            self._record_changes(stream, statement, provenance, texts)

    def _basis(self, parsed: ParsedRow) -> Provenance:
        outcome = self._context.outcome
        spans = {path: span for path, span in parsed.spans.items() if span[1]}
        evidence = Evidence(
            self._context.source,
            outcome.observation.content_hash,
            self._uow.text_ref(parsed.text),
            spans,
            parsed.row_number,
            {path: " ".join(column.split()) for path, column in parsed.columns.items() if path in spans},
        )
        return structs.replace(outcome.provenance(Origin.DATABASE, {}), evidence=(evidence,))

    def _record_first(self, stream: str, statement: _Statement, provenance: Provenance) -> None:
        """Record all that the file says of a commitment of which it said nothing: one event, one for its ratings."""
        # The file never spoke of it, so nothing is newer than this, however old the file is.
        not_late = structs.replace(provenance, late=False)
        self._reserve(stream, statement)
        facts = dict(statement.facts)
        subject = self._uow.aggregate(stream)
        if not subject.revision and statement.identity.code is None:
            facts["key"] = self._context.commitment_keys[statement.identity.row_number]
        if subject.revision and subject.value("code") is None and (code := facts.pop("code", None)):
            self._uow.append(stream, "CommitmentRecoded", {"code": code}, not_late)
        self._record_together(stream, facts, not_late)

    def _reserve(self, stream: str, statement: _Statement) -> None:
        code = statement.identity.code or self._context.commitment_keys[statement.identity.row_number]
        if self._uow.resolve_code("commitment", code) is None:
            self._uow.reserve_code("commitment", code, stream)

    def _record_changes(
        self, stream: str, statement: _Statement, provenance: Provenance, texts: dict[str, str]
    ) -> None:
        self._reserve(stream, statement)
        outcome = self._changed_facts(statement, texts)
        for cause, facts in self._split_by_cause(statement, outcome, provenance.cause):
            because = structs.replace(provenance, cause=cause)
            if (code := facts.pop("code", None)) is not None:
                self._uow.append(stream, "CommitmentRecoded", {"code": code}, because)
            if cause is Cause.METHODOLOGY:
                self._record_together(stream, facts, because)
            else:
                changes = commitments.decide_events(self._uow.aggregate(stream), facts)
                self._uow.append_all(stream, changes, because)

    def _record_together(self, stream: str, facts: Facts, provenance: Provenance) -> None:
        """Record facts in one event, and the ratings among them in another: nothing of it happened by itself."""
        ratings = {path: value for path, value in facts.items() if path.startswith("ratings/")}
        plain = {path: value for path, value in facts.items() if path not in ratings}
        is_known = self._uow.aggregate(stream).revision
        self._uow.append(stream, "CommitmentRevised" if is_known else "CommitmentRegistered", plain, provenance)
        self._uow.append(stream, "RatingRecorded", ratings, provenance)

    def _changed_facts(self, statement: _Statement, texts: dict[str, str]) -> Facts:
        """Return what the row says otherwise than the file did, None for what its form could say and it does not."""
        own = statement.own
        outcome: Facts = {
            path: value
            for path, value in statement.facts.items()
            if path not in own or not is_equivalent_cell_value(path, own[path].value, value, texts.get)
        }
        said = statement.facts.keys() | _IDENTITY
        gone = (path for path, claim in own.items() if claim.value is not None and path not in said)
        return outcome | {path: None for path in gone if self._context.codebook.covers(path)}

    def _split_by_cause(self, statement: _Statement, outcome: Facts, cause: Cause) -> list[tuple[Cause, Facts]]:
        """Part what the form of the file alone made different from what changed in what it says."""
        former = self._context.previous_codebook
        if former is None or former.version == self._context.codebook.version or cause is not Cause.SOURCE_CHANGED:
            return [(cause, outcome)]
        method = {
            path: value for path, value in outcome.items() if path not in statement.own and not former.covers(path)
        }
        rest = {path: value for path, value in outcome.items() if path not in method}
        # Areas that only one of the two taxonomies has come and go with the form.
        both = former.taxonomy & self._context.codebook.taxonomy
        for path in [path for path in rest if path.startswith("policyAreas")]:
            before = _areas(statement.own[path].value if path in statement.own else None)
            after = _areas(rest.pop(path))
            between = (before & both) | (after - both)
            for facts, areas, is_new in ((method, between, between != before), (rest, after, after != between)):
                if is_new:
                    facts[path] = tuple(sorted(areas)) if areas or path == "policyAreas" else None
        return [(Cause.METHODOLOGY, method), (cause, rest)]

    def _record_earlier_state(
        self, stream: str, statement: _Statement, provenance: Provenance, texts: dict[str, str]
    ) -> None:
        """Record what an older state of the file tells of the past; what no newer one speaks of holds still."""
        own, seen_at = statement.own, self._context.outcome.interval.before
        then: Facts = {}
        for path, claim in own.items():
            if path in _IDENTITY or not self._context.codebook.covers(path):
                continue
            value = statement.facts.get(path)
            if value is not None and is_equivalent_cell_value(path, claim.value, value, texts.get):
                value = claim.value
            narrows = seen_at < claim.before and (claim.after is None or claim.after < seen_at)
            if narrows or (value != claim.value and not self._context.outcome.already_recorded):
                then[path] = value
        self._uow.append(stream, "CommitmentSeenEarlier", then, provenance)
        fresh = {path: value for path, value in statement.facts.items() if path not in own}
        not_late, subject = structs.replace(provenance, late=False), self._uow.aggregate(stream)
        if fresh.pop("code", None) and subject.value("code") is None:
            self._uow.append(stream, "CommitmentRecoded", {"code": statement.identity.code}, not_late)
        self._uow.append_all(stream, commitments.decide_events(subject, fresh), not_late)


def _areas(value: Value | None) -> frozenset[str]:
    return frozenset(value) if isinstance(value, tuple) else frozenset()
