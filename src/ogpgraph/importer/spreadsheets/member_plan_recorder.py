"""What a file says of members and their plans, which stands in every row: brought into the record once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from msgspec import structs

from ogpgraph.application import Provenance, UnitOfWork
from ogpgraph.application.commands import members as member_commands
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.member import region_of
from ogpgraph.domain.values import TextValue, TranslationKind
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.observations.value_equivalence import is_equivalent_cell_value
from ogpgraph.importer.spreadsheets.codebook import CellType, Codebook
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity
from ogpgraph.importer.spreadsheets.row_parser import RowTextBuilder, parse_co_creation_value

_READ: dict[str, CellType] = {
    "name/en": "member",
    "region": "region",
    "category": "category",
    "number": "plan number",
    "cycle": "cycle",
    "publishedId": "plan id",
    "endsOn": "plan end",
    "durationYears": "plan duration",
}
_FROM_TABLE = Provenance(origin=Origin.REFERENCE)


class MemberPlanRecorder:
    """Brings the members and plans of one state of the file into the record, in one session."""

    def __init__(
        self, uow: UnitOfWork, outcome: ObservationOutcome, codebook: Codebook, identities: Iterable[RowIdentity]
    ) -> None:
        self._uow = uow
        self._news = outcome
        self._codebook = codebook
        self._rows: dict[str, list[RowIdentity]] = defaultdict(list)
        self._plans: dict[PlanKey, list[RowIdentity]] = defaultdict(list)
        for identity in identities:
            self._rows[identity.member.code].append(identity)
            self._plans[identity.plan].append(identity)

    # Members

    def record_members(self) -> dict[str, str]:
        """Record what is new of the members; returns the member's code → its stream."""
        return {code: self._record_member(code, rows) for code, rows in sorted(self._rows.items())}

    def _record_member(self, code: str, rows: list[RowIdentity]) -> str:
        name = _most_common(row.member.name for row in rows)
        facts: Facts = {"name/en": TextValue(self._uow.text_ref(name), TranslationKind.UNKNOWN)}
        for path, place in (("region", 0), ("category", 1)):
            if said := _most_common(row.member_cells[place] for row in rows):
                facts[path] = said
        told = next(row for row in rows if row.member.name == name)
        words = {path: str(said) for path, said in facts.items()} | {"name/en": name}
        provenance = self._basis(told, words)
        stream = self._uow.resolve_code("member", code)
        if stream is None:
            stream = member_commands.register_member(self._uow, code, facts, structs.replace(provenance, late=False)).id
            who = rows[0].member
            table: Facts = {"prefix": who.prefix, "type": "LOCAL" if who.is_local else "NATIONAL"}
            if region := region_of(code):
                table["region"] = region
            self._uow.append(stream, "MemberRevised", table, _FROM_TABLE)
        elif not provenance.late:
            self._record_member_changes(stream, facts, provenance)
        return stream

    def _record_member_changes(self, stream: str, facts: Facts, provenance: Provenance) -> None:
        said = _changed_facts(self._uow.aggregate(stream), facts, provenance)
        named = {path: value for path, value in said.items() if path.startswith("name/")}
        self._uow.append(stream, "MemberRenamed", named, provenance)
        self._uow.append(stream, "MemberRevised", {p: v for p, v in said.items() if p not in named}, provenance)

    def _basis(self, row: RowIdentity, words: dict[str, str]) -> Provenance:
        """Return the basis of what stands in every row of a member or plan, by the first row that has it."""
        optional = {column.path: name for name, column in self._codebook.optional.items()}
        names = self._codebook.column_by_type
        text, columns = RowTextBuilder(), {path: optional.get(path) or names[_READ[path]] for path in words}
        spans = {path: text.add(columns[path], said) for path, said in words.items()}
        evidence = Evidence(
            self._news.observation.source,
            self._news.observation.content_hash,
            self._uow.text_ref(text.build()),
            {path: (span.start, span.end) for path, span in spans.items()},
            row.row_number,
            columns,
        )
        return structs.replace(self._news.provenance(Origin.DATABASE, {}), evidence=(evidence,))

    # Plans

    def record_plans(self, members: dict[str, str]) -> dict[PlanKey, str]:
        """Record what is new of the plans; returns plan → its stream."""
        return {
            key: self._record_plan(key, rows, members[key.member])
            for key, rows in sorted(self._plans.items(), key=_plan_order)
        }

    def _record_plan(self, key: PlanKey, rows: list[RowIdentity], member: str) -> str:
        cycle = _most_common(str(row.cycle or "") for row in rows)
        facts: Facts = {"member": member}
        cells: dict[str, str] = {}
        if key.number:
            facts["number"] = key.number
        if cycle:
            facts["cycle"] = int(cycle)
        published, end, duration = (_most_common(row.plan_cells[place] for row in rows) for place in range(3))
        facts |= {path: said for path, said in (("publishedId", published), ("endsOn", end)) if said}
        if duration.isdigit() and 1 <= int(duration) <= 10:
            facts["durationYears"] = int(duration)
        for name, column in self._codebook.optional.items():
            if cell := _most_common(dict(row.co_creation_cells).get(name, "") for row in rows):
                facts[column.path] = parse_co_creation_value(cell)
                cells[column.path] = cell
        told = next((row for row in rows if row.plan_cells == (published, end, duration)), rows[0])
        words = {path: str(value) for path, value in facts.items() if path != "member"}
        provenance = self._basis(told, words | cells)
        return self._append_plan_facts(key, f"{key.member}-{cycle}" if cycle else None, facts, provenance)

    def _append_plan_facts(self, key: PlanKey, by_cycle: str | None, facts: Facts, provenance: Provenance) -> str:
        not_late = structs.replace(provenance, late=False)
        stream = self._find_plan(key, by_cycle)
        if stream is None:
            free = by_cycle if by_cycle and self._uow.resolve_code("plan", by_cycle) is None else key.name
            stream = member_commands.register_action_plan(self._uow, free, facts, not_late).id
        elif not provenance.late:
            # A plan that was known by its number alone gets the code of its cycle.
            if by_cycle and self._uow.aggregate(stream).string("code") == key.name != by_cycle:
                facts = {**facts, **({"code": by_cycle} if self._is_free(by_cycle, stream) else {})}
            said = _changed_facts(self._uow.aggregate(stream), facts, provenance)
            said.pop("member", None)
            self._uow.append(stream, "ActionPlanRevised", said, provenance)
        for code in filter(None, (key.name, by_cycle)):
            if self._uow.resolve_code("plan", code) is None:
                self._uow.reserve_code("plan", code, stream)
        return stream

    def _find_plan(self, key: PlanKey, by_cycle: str | None) -> str | None:
        stream = self._uow.resolve_code("plan", key.name)
        if stream is None and by_cycle and (there := self._uow.resolve_code("plan", by_cycle)):
            number = self._uow.aggregate(there).value("number")
            stream = there if key.number is None or number in (None, key.number) else None
        return stream

    def _is_free(self, code: str, stream: str) -> bool:
        return self._uow.resolve_code("plan", code) in (None, stream)


def _most_common(words: Iterable[str]) -> str:
    """Return the commonest of some words that are not empty; of equals the first in the alphabet."""
    counted = Counter(filter(None, words))
    return min(counted, key=lambda word: (-counted[word], word), default="")


def _plan_order(item: tuple[PlanKey, list[RowIdentity]]) -> tuple[str, int, int]:
    return item[0].member, item[0].number or 0, item[0].cycle or 0


def _changed_facts(subject: Aggregate, facts: Facts, provenance: Provenance) -> Facts:
    """Return the facts that differ from the file's previous claim, or where it has none, from the current value."""
    own = subject.claims_from(provenance.origin, provenance.source)
    before = {path: own[path].value if path in own else subject.value(path) for path in facts}
    return {
        path: value
        for path, value in facts.items()
        if not is_equivalent_cell_value(path, before[path], value, _no_text)
    }


def _no_text(_reference: str) -> None:
    """Make every difference between two names count: a name spelled otherwise is recorded as a renaming."""
