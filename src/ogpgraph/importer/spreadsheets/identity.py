"""Whose rows are whose: keys of rows, duplicates among them, and which commitment of the record a row speaks of."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from ogpgraph.domain.member import MemberIdentity, lookup_member, member_of_commitment_code
from ogpgraph.importer.observations.value_equivalence import normalize_spelling, normalize_title
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.row_parser import RowParser, parse_rating_state
from ogpgraph.importer.spreadsheets.sheet import SheetRow

_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_MEMBER_CODE = re.compile(r"[A-Z]{3,6}")
CycleKey = tuple[str, str, str]
_EMPTY_CELLS = frozenset(("", "0"))
_QUALIFIED = re.compile(r"^FYR |\s*\([^()]*\)$")


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A member as a row names it: OGP's code, the letters its commitments' codes begin with, and the name."""

    code: str
    prefix: str
    is_local: bool
    name: str


@dataclass(frozen=True, slots=True)
class PlanKey:
    """A plan as rows tell it from others: the member, and the number or else the cycle."""

    member: str
    number: int | None
    cycle: int | None

    @property
    def name(self) -> str:
        """Return OGP's form of id for it."""
        return f"AP_{self.member}{self.number:02}" if self.number else f"{self.member}-{self.cycle}"


@dataclass(frozen=True, slots=True)
class RowIdentity:
    """What tells a row from every other: code where the form has codes, else member, plan, number and title.

    `text_hash` stands for the commitment's full text and `row_hash` for the whole row; neither holds the words.
    """

    row_number: int
    code: str | None
    member: MemberKey
    plan: PlanKey
    cycle: int | None
    number: str | None
    title: str
    text_hash: str
    filled_cells: int
    row_hash: str
    member_cells: tuple[str, str]
    plan_cells: tuple[str, str, str]
    co_creation_cells: tuple[tuple[str, str], ...] = ()

    @property
    def natural_key(self) -> tuple[str, int | None, str]:
        """Return what two rows of a form without codes have in common where they may be one commitment."""
        return self.member.code, self.plan.number or self.plan.cycle, self.title

    def key(self, *, with_text: bool) -> str:
        """Return the record's own key of a commitment without a code."""
        said = f"{self.title}\n{self.text_hash}" if with_text else self.title
        plan = f"{self.plan.number:02}" if self.plan.number else "XX"
        if self.plan.number is None:
            said = f"{self.plan.cycle}\n{said}"
        return f"{self.member.code}-{plan}-{sha256(said.encode()).hexdigest()[:8].upper()}"


@dataclass
class RowSelection:
    """Every row of a file that is to be recorded, by its number, with what was found on the way."""

    identities: dict[int, RowIdentity] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    read_counts: Counter[CycleKey] = field(default_factory=Counter)
    selected_counts: Counter[CycleKey] = field(default_factory=Counter)
    row_count: int = 0


def identify_row(row: SheetRow, parser: RowParser) -> RowIdentity | Remark:
    """Return what tells a row from others, or the remark why nothing can."""
    code = parser.cell_text(row, "code").upper() or None
    if code is not None and not _CODE.fullmatch(code):
        return create_cell_remark(
            row.number, "", "code-malformed", f"{code[:40]} is no code of a commitment; not recorded"
        )
    member = _identify_member(row, parser, code)
    if member is None:
        named = parser.cell_text(row, "member")[:60]
        return create_cell_remark(
            row.number, "", "member-unknown", f"no member is called {named or '(nothing)'}; not recorded"
        )
    title = parser.cell_text(row, "title")
    number, cycle = parser.plan_number(row), parser.year(row, "cycle")
    if code is None and (not title or parse_rating_state(title) or not (number or cycle)):
        return create_cell_remark(row.number, "", "no-key", "neither code nor plan and title; not recorded")
    cells = [cell.strip() for cell in row.cells.values()]
    return RowIdentity(
        row.number,
        code,
        member,
        PlanKey(member.code, number, None if number else cycle),
        cycle,
        parser.commitment_number(row),
        normalize_title(title),
        sha256(normalize_spelling(_full_text(row)).encode(errors="replace")).hexdigest(),
        sum(cell not in _EMPTY_CELLS and parse_rating_state(cell) is None for cell in cells),
        _hash_row(row),
        (parser.cell_text(row, "region"), parser.cell_text(row, "category")),
        (
            parser.cell_text(row, "plan id"),
            str(parser.year(row, "plan end") or ""),
            parser.cell_text(row, "plan duration"),
        ),
        parser.co_creation_cells(row),
    )


def _hash_row(row: SheetRow) -> str:
    cells = sorted(f"{name}\x1e{cell.strip()}" for name, cell in row.cells.items())
    return sha256("\x1f".join(cells).encode(errors="replace")).hexdigest()


def select_rows(rows: Iterable[SheetRow], parser: RowParser) -> RowSelection:
    """Return the rows that are to be recorded: one of each commitment, whatever the order of the file."""
    selection = RowSelection()
    groups: dict[object, list[RowIdentity]] = defaultdict(list)
    for row in rows:
        selection.row_count += 1
        found = identify_row(row, parser)
        if isinstance(found, Remark):
            selection.remarks.append(found)
            continue
        selection.read_counts[cycle_key_of(found)] += 1
        groups[found.code or found.natural_key].append(found)
    for group in groups.values():
        for identity in _select_per_commitment(group, selection):
            selection.identities[identity.row_number] = identity
            selection.selected_counts[cycle_key_of(identity)] += 1
    selection.identities = dict(sorted(selection.identities.items()))
    return selection


def cycle_key_of(identity: RowIdentity) -> CycleKey:
    """Return what a row is counted under."""
    return identity.member.code, identity.member.name, _cycle_label(identity)


def _cycle_label(identity: RowIdentity) -> str:
    return str(identity.cycle) if identity.cycle else f"plan {identity.plan.number}"


def _select_per_commitment(group: list[RowIdentity], selection: RowSelection) -> Iterator[RowIdentity]:
    """Yield one row for each commitment among rows of one key, and tell of the others."""
    if len(group) == 1:
        selection.keys[group[0].row_number] = group[0].key(with_text=False)
        yield group[0]
        return
    rows = ", ".join(str(each.row_number) for each in group)
    by_text: dict[str, list[RowIdentity]] = defaultdict(list)
    for each in group:
        by_text[each.text_hash if each.code is None else ""].append(each)
    for duplicates in by_text.values():
        kept = max(duplicates, key=lambda each: (each.filled_cells, each.row_hash))
        selection.keys[kept.row_number] = kept.key(with_text=len(by_text) > 1)
        yield kept
        for left in duplicates:
            if left.row_number != kept.row_number:
                like = "the same" if left.row_hash == kept.row_hash else "other values"
                text = f"rows {rows} have one key: row {kept.row_number} is recorded, this one, with {like}, is not"
                selection.remarks.append(create_cell_remark(left.row_number, "", "duplicate", text))
    if len(by_text) > 1:
        text = f"rows {rows} have one member, plan and title; they are told apart by their text"
        selection.remarks.append(create_cell_remark(group[0].row_number, "", "same-title", text))


def _identify_member(row: SheetRow, parser: RowParser, code: str | None) -> MemberKey | None:
    name, given = parser.cell_text(row, "member"), parser.cell_text(row, "member code").upper()
    by_code = member_of_commitment_code(code) if code else None
    found = lookup_member(given) if given else None
    found = found or (by_code if not given else None) or _find_member_by_name(name)
    if found is not None:
        return MemberKey(found.code, found.prefix, found.kind == "LOCAL", name or found.name or found.code)
    if code and _MEMBER_CODE.fullmatch(given):
        letters = code.rstrip("0123456789")
        return MemberKey(given, letters, len(given) > 3, name or given)
    return None


def _find_member_by_name(name: str) -> MemberIdentity | None:
    """Return the member of a name as files write them: `Korea, South`, `Macedonia (FYR)`, `Bosnia & Herzegovina`."""
    plain = " ".join(name.replace("&", "and").replace(".", "").split())
    last, _, first = plain.partition(", ")
    spellings = (plain, _QUALIFIED.sub("", plain), f"{first} {last}")
    return next(filter(None, map(lookup_member, filter(None, spellings))), None)


def _full_text(row: SheetRow) -> str:
    return row.cells.get("Full Text", "")
