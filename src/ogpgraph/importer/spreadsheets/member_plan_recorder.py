"""Records the members and action plans of a file, once each, although every row repeats their cells.

Where rows disagree, the most frequent cell is recorded; `consistency_checks` reports the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import partial

from msgspec import structs

from ogpgraph.application.translation import ReportUnrecorded, to_published_facts
from ogpgraph.domain.action_plan import PLAN, register_action_plan
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.member import MEMBER, register_known_member
from ogpgraph.domain.member_table import MemberIdentity, MemberKind, known_regions, lookup_member, spell_member_name
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation, PlainValue, Value
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.observations.shared_facts import record_shared_facts
from ogpgraph.importer.observations.value_equivalence import is_equivalent_cell_value
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.codebook import CellType, Codebook
from ogpgraph.importer.spreadsheets.file_observation import FileHistory
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity, is_name_of_member
from ogpgraph.importer.spreadsheets.parsed_row import RowTextBuilder
from ogpgraph.importer.spreadsheets.row_parser import parse_co_creation_value
from ogpgraph.personal import mask_personal_data

_CELL_TYPES: dict[str, CellType] = {
    "name/en": "member",
    "region": "region",
    "category": "category",
    "number": "plan number",
    "cycle": "cycle",
    "publishedId": "plan id",
    "endsOn": "plan end",
    "durationYears": "plan duration",
}
"""The type of the cell that each path of a member or plan is read from."""
_PLAUSIBLE_DURATIONS = range(1, 11)
_FROM_TABLE = Provenance(origin=Origin.REFERENCE)


class MemberPlanRecorder:
    """Records the members and plans of one observed file in a unit of work.

    `remarks` are on cells that are not recorded.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        outcome: ObservationOutcome,
        codebook: Codebook,
        files: FileHistory,
        identities: Iterable[RowIdentity],
    ) -> None:
        self._uow = uow
        self._outcome = outcome
        self._codebook = codebook
        self._files = files
        self.remarks: list[Remark] = []
        self._rows_by_member: dict[str, list[RowIdentity]] = defaultdict(list)
        self._rows_by_plan: dict[PlanKey, list[RowIdentity]] = defaultdict(list)
        for identity in identities:
            self._rows_by_member[identity.member.code].append(identity)
            self._rows_by_plan[identity.plan].append(identity)

    # Members

    def record_members(self) -> dict[str, str]:
        """Append the events of new and changed members; returns all members' streams by code."""
        return {code: self._record_member(code, rows) for code, rows in sorted(self._rows_by_member.items())}

    def _record_member(self, code: str, rows: list[RowIdentity]) -> str:
        name, region, category = (
            _most_frequent(cells) for cells in zip(*((row.member.name, *row.member_cells) for row in rows), strict=True)
        )
        # The evidence must show the recorded cell, so a row that has it is cited.
        cited_row = next(row for row in rows if row.member.name == name)
        cells = {path: cell for path, cell in (("region", region), ("category", category)) if cell}
        if region and region not in known_regions():
            del cells["region"]
            text = f"region {mask_personal_data(region)[:60]}"
            self.remarks.append(create_cell_remark(cited_row.row_number, "", "unrecognised", text))
        if is_name_of_member(name, code):
            cells["name/en"] = name
        else:
            text = f"{name[:60]} is no name of {code} that the table of members has; a person has to rename it"
            self.remarks.append(create_cell_remark(cited_row.row_number, "", "unknown-name", text))
        values = {path: spell_member_name(cell) if path == "name/en" else cell for path, cell in cells.items()}
        facts = to_published_facts(self._uow, MEMBER, values, self._reporter(cited_row))
        stream = self._uow.resolve_code("member", code) or self._register_member(rows[0])
        self._record_facts(stream, {code}, facts, self._provenance(cited_row, cells))
        return stream

    def _register_member(self, row: RowIdentity) -> str:
        known = lookup_member(row.member.code)
        kind: MemberKind = "LOCAL" if row.member.is_local else "NATIONAL"
        name = known.name if known else None
        return register_known_member(self._uow, MemberIdentity(row.member.code, row.member.prefix, kind, name)).id

    def _reporter(self, cited_row: RowIdentity) -> ReportUnrecorded:
        """Return a function that adds a remark on a cell of a row that is not recorded."""
        return lambda _, text: self.remarks.append(create_cell_remark(cited_row.row_number, "", "not-recorded", text))

    # Plans

    def record_plans(self, members: dict[str, str]) -> dict[PlanKey, str]:
        """Append the events of new and changed plans; returns all plans' streams. `members` has streams by code."""
        return {
            key: self._record_plan(key, rows, members[key.member])
            for key, rows in sorted(self._rows_by_plan.items(), key=_plan_order)
        }

    def _record_plan(self, key: PlanKey, rows: list[RowIdentity], member: str) -> str:
        cycle = _most_frequent(str(row.cycle or "") for row in rows)
        published_id, end, duration = (_most_frequent(row.plan_cells[index] for row in rows) for index in range(3))
        values: dict[str, PlainValue] = {"number": key.number} if key.number else {}
        if cycle:
            values["cycle"] = int(cycle)
        values |= {path: cell for path, cell in (("publishedId", published_id), ("endsOn", end)) if cell}
        if duration.isdigit() and int(duration) in _PLAUSIBLE_DURATIONS:
            values["durationYears"] = int(duration)
        co_creation_cells = self._co_creation_cells(rows)
        for path, cell in co_creation_cells.items():
            if value := parse_co_creation_value(cell):
                values[path] = value
        cited_row = next((row for row in rows if row.plan_cells == (published_id, end, duration)), rows[0])
        cells = {path: str(value) for path, value in values.items()} | co_creation_cells
        published = to_published_facts(self._uow, PLAN, values, self._reporter(cited_row))
        facts: Facts = {"member": member, **published}
        provenance = self._provenance(cited_row, cells)
        return self._append_plan_facts(key, f"{key.member}-{cycle}" if cycle else None, facts, provenance)

    def _co_creation_cells(self, rows: list[RowIdentity]) -> dict[str, str]:
        cells = {
            column.path: _most_frequent(dict(row.co_creation_cells).get(name, "") for row in rows)
            for name, column in self._codebook.optional.items()
        }
        return {path: cell for path, cell in cells.items() if cell}

    def _append_plan_facts(self, key: PlanKey, cycle_code: str | None, facts: Facts, provenance: Provenance) -> str:
        stream = self._find_plan(key, cycle_code)
        code = cycle_code if cycle_code and self._uow.resolve_code("plan", cycle_code) in (None, stream) else key.name
        if stream is None:
            # The number is a code of ours; it is the plan's code until a source states a cycle.
            own = facts if code == cycle_code else {"member": facts["member"]}
            first_stated = structs.replace(provenance, changed_between=Interval(before=self._outcome.moment))
            stated_by = first_stated if code == cycle_code else _FROM_TABLE
            stream = register_action_plan(self._uow, code, own, stated_by).id
        plan_code = self._uow.aggregate(stream).string("code")
        if code != cycle_code:
            self._uow.append(stream, "ActionPlanRevised", {"code": key.name, "member": facts["member"]}, _FROM_TABLE)
        elif plan_code in (code, key.name):
            facts = {**facts, "code": code}
        self._record_facts(stream, {key.name, *filter(None, [cycle_code])}, facts, provenance)
        for each in filter(None, (key.name, cycle_code)):
            if self._uow.resolve_code("plan", each) is None:
                self._uow.reserve_code("plan", each, stream)
        return stream

    def _find_plan(self, key: PlanKey, cycle_code: str | None) -> str | None:
        """Return the plan of the key, else the plan of the cycle unless that has another number."""
        stream = self._uow.resolve_code("plan", key.name)
        if stream is None and cycle_code and (by_cycle := self._uow.resolve_code("plan", cycle_code)):
            number = self._uow.aggregate(by_cycle).value("number")
            stream = by_cycle if key.number is None or number in (None, key.number) else None
        return stream

    # Differences

    def _record_facts(self, stream: str, names: set[str], facts: Facts, provenance: Provenance) -> None:
        """Record what the file states of a member or plan; `names` are those by which rows refer to it."""
        record_shared_facts(
            self._uow,
            stream,
            facts,
            provenance,
            self._outcome,
            _is_same,
            partial(self._says, names),
            partial(_covers, self._codebook),
        )

    def _says(self, names: set[str], path: str, _time: datetime, recorded: Observation) -> bool:
        """Return whether a file says anything at a path of a member or plan."""
        contents = self._files.contents(recorded)
        return not names.isdisjoint(contents.subjects) and _covers(contents.codebook, path)

    def _provenance(self, row: RowIdentity, cells: dict[str, str]) -> Provenance:
        """Return the provenance of cells that many rows repeat, with one of the rows as evidence."""
        optional = {column.path: name for name, column in self._codebook.optional.items()}
        by_type = self._codebook.column_by_type
        columns = {path: optional.get(path) or by_type[_CELL_TYPES[path]] for path in cells}
        text = RowTextBuilder()
        spans = {path: text.add(columns[path], cell) for path, cell in cells.items()}
        evidence = Evidence(
            self._outcome.observation.source,
            self._outcome.observation.content_hash,
            self._uow.text_ref(text.build()),
            {path: (span.start, span.end) for path, span in spans.items()},
            row.row_number,
            columns,
        )
        return structs.replace(self._outcome.provenance(Origin.DATABASE, {}), evidence=(evidence,))


def _most_frequent(cells: Iterable[str]) -> str:
    """Return the most frequent cell that is not empty; of equally frequent ones the first in code point order."""
    counts = Counter(filter(None, cells))
    return min(counts, key=lambda cell: (-counts[cell], cell), default="")


def _plan_order(item: tuple[PlanKey, list[RowIdentity]]) -> tuple[str, int, int]:
    return item[0].member, item[0].number or 0, item[0].cycle or 0


def _covers(codebook: Codebook | None, path: str) -> bool:
    """Return whether a layout has a column for a path of a member or plan."""
    if codebook is None or path == "member":
        return True
    if path.startswith("coCreation/"):
        return any(column.path == path for column in codebook.optional.values())
    return _CELL_TYPES.get("cycle" if path == "code" else path) in codebook.column_by_type


def _is_same(path: str, one: Value, other: Value) -> bool:
    return is_equivalent_cell_value(path, one, other, _no_text)


def _no_text(_reference: str) -> None:
    """Make every difference between two names count: a name spelled otherwise is recorded as a renaming."""
