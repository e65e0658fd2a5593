"""Identifies rows: the member, plan and commitment that each is about, and which of several rows is recorded.

A commitment is identified by its code where the layout has codes, otherwise by member, plan and title. Each commitment
gets at most one row, and the choice does not depend on the order of the file.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from ogpgraph.domain.member_table import MemberIdentity, lookup_member, member_of_commitment_code
from ogpgraph.importer.observations.value_equivalence import normalize_spelling, normalize_title
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.cell_repair import clean_cell
from ogpgraph.importer.spreadsheets.row_parser import RowParser, parse_rating_state
from ogpgraph.importer.spreadsheets.sheet import SheetRow

CycleKey = tuple[str, str, str]
"""Member code, member name, and cycle, or plan where there is no cycle: what the report counts rows by."""

_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_MEMBER_CODE = re.compile(r"[A-Z]{3,6}")
_IDENTIFYING = ("code", "plan number", "cycle")
_EMPTY_CELLS = frozenset(("", "0"))
"""0 counts as empty: most policy areas of any row are 0, so it does not make a row more complete."""
_NAME_QUALIFIER = re.compile(r"^FYR |\s*\([^()]*\)$")


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A member as a row names it: OGP's code, the prefix of its commitments' codes, and the name."""

    code: str
    prefix: str
    is_local: bool
    name: str


@dataclass(frozen=True, slots=True)
class PlanKey:
    """The identity of a plan: its member and its number, or its cycle where there is no number."""

    member: str
    number: int | None
    cycle: int | None

    @property
    def name(self) -> str:
        """Return an id in the manner of OGP's, such as `AP_URY04`."""
        return f"AP_{self.member}{self.number:02}" if self.number else f"{self.member}-{self.cycle}"


@dataclass(frozen=True, slots=True)
class RowIdentity:
    """The identity of a row, and its cells about the member and the plan.

    `text_hash` is of the cell with the commitment's full text, `description_hash` of the text that is recorded of it,
    and `row_hash` of the whole row. The texts themselves are not held, because the identities of all rows of a file are
    in memory at once.
    """

    row_number: int
    code: str | None
    member: MemberKey
    plan: PlanKey
    cycle: int | None
    number: str | None
    title: str
    text_hash: str
    description_hash: str
    filled_cells: int
    row_hash: str
    member_cells: tuple[str, str]
    plan_cells: tuple[str, str, str]
    co_creation_cells: tuple[tuple[str, str], ...] = ()

    @property
    def natural_key(self) -> tuple[str, int | None, str]:
        """Return the key under which rows without codes may be the same commitment: member, plan and title."""
        return self.member.code, self.plan.number or self.plan.cycle, self.title

    @property
    def cycle_key(self) -> CycleKey:
        """Return the key by which the report counts the row."""
        return self.member.code, self.member.name, str(self.cycle) if self.cycle else f"plan {self.plan.number}"

    def key(self, *, with_text: bool) -> str:
        """Return the key of a commitment without a code, such as `GHA-01-BF150B68`.

        It is stored, so it must never change. `with_text` distinguishes commitments that share member, plan and title.
        """
        content = f"{self.title}\n{self.text_hash}" if with_text else self.title
        plan = f"{self.plan.number:02}" if self.plan.number else "XX"
        if self.plan.number is None:
            content = f"{self.plan.cycle}\n{content}"
        return f"{self.member.code}-{plan}-{sha256(content.encode()).hexdigest()[:8].upper()}"


@dataclass
class RowSelection:
    """The rows to be recorded and the keys of their commitments, both by row number, with remarks on the other rows."""

    identities: dict[int, RowIdentity] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    read_counts: Counter[CycleKey] = field(default_factory=Counter)
    selected_counts: Counter[CycleKey] = field(default_factory=Counter)
    row_count: int = 0


def select_rows(rows: Iterable[SheetRow], parser: RowParser) -> RowSelection:
    """Return one row for each commitment; the others, and rows that cannot be identified, have a remark."""
    selection = RowSelection()
    groups: dict[object, list[RowIdentity]] = defaultdict(list)
    for row in rows:
        selection.row_count += 1
        found = identify_row(row, parser)
        if isinstance(found, Remark):
            selection.remarks.append(found)
            continue
        selection.read_counts[found.cycle_key] += 1
        groups[found.code or found.natural_key].append(found)
    for group in groups.values():
        for identity in _select_from_group(group, selection):
            selection.identities[identity.row_number] = identity
            selection.selected_counts[identity.cycle_key] += 1
    selection.identities = dict(sorted(selection.identities.items()))
    return selection


def identify_row(row: SheetRow, parser: RowParser) -> RowIdentity | Remark:
    """Return the identity of a row, or a remark with the reason if it has none."""
    if unread := parser.find_unread(row, _IDENTIFYING):
        text = "cannot be read, but identifies the commitment or its plan; not recorded"
        return create_cell_remark(row.number, unread, "no-key", text)
    code = parser.cell_text(row, "code").upper() or None
    if code is not None and not _CODE.fullmatch(code):
        return create_cell_remark(
            row.number, "", "code-malformed", f"{code[:40]} is not a commitment code; not recorded"
        )
    member = _identify_member(row, parser, code)
    if member is None:
        name = parser.cell_text(row, "member")[:60]
        return create_cell_remark(row.number, "", "member-unknown", f"unknown member {name or '(empty)'}; not recorded")
    if not (parser.plan_number(row) or parser.year(row, "cycle")):
        text = "has neither the number nor the year of its plan; not recorded"
        return create_cell_remark(row.number, "", "no-key", text)
    title = parser.cell_text(row, "title")
    if code is None and (not title or parse_rating_state(title)):
        return create_cell_remark(row.number, "", "no-key", "has no code and no title; not recorded")
    return _read_identity(row, parser, code, member)


def _read_identity(row: SheetRow, parser: RowParser, code: str | None, member: MemberKey) -> RowIdentity:
    number, cycle = parser.plan_number(row), parser.year(row, "cycle")
    cells, full_text = [cell.strip() for cell in row.cells.values()], row.cells.get("Full Text", "")
    return RowIdentity(
        row_number=row.number,
        code=code,
        member=member,
        plan=PlanKey(member.code, number, None if number else cycle),
        cycle=cycle,
        number=parser.commitment_number(row),
        title=normalize_title(parser.cell_text(row, "title")),
        text_hash=hash_full_text(full_text),
        description_hash=hash_full_text(clean_cell(full_text).text or ""),
        filled_cells=sum(cell not in _EMPTY_CELLS and parse_rating_state(cell) is None for cell in cells),
        row_hash=_hash("\x1f".join(sorted(f"{name}\x1e{cell.strip()}" for name, cell in row.cells.items()))),
        member_cells=(" ".join(parser.cell_text(row, "region").split()), parser.cell_text(row, "category")),
        plan_cells=(
            parser.plan_id(row),
            str(parser.year(row, "plan end") or ""),
            parser.cell_text(row, "plan duration"),
        ),
        co_creation_cells=parser.co_creation_cells(row),
    )


def hash_full_text(text: str) -> str:
    """Return the hash of a commitment's full text in any spelling."""
    return _hash(normalize_spelling(text))


def _hash(text: str) -> str:
    # A str may hold lone surrogates, which UTF-8 cannot encode; hashing must not fail on them.
    return sha256(text.encode(errors="replace")).hexdigest()


def _select_from_group(group: list[RowIdentity], selection: RowSelection) -> Iterator[RowIdentity]:
    """Yield one row for each commitment in rows of the same key, and add a remark on each of the others.

    Rows with the same code are one commitment. Rows without codes that differ in their full text are several.
    """
    if len(group) == 1:
        selection.keys[group[0].row_number] = group[0].key(with_text=False)
        yield group[0]
        return
    rows = ", ".join(str(identity.row_number) for identity in group)
    by_text: dict[str, list[RowIdentity]] = defaultdict(list)
    for identity in group:
        by_text[identity.text_hash if identity.code is None else ""].append(identity)
    for duplicates in by_text.values():
        # The hash decides between equally complete rows, because their order in the file must not.
        chosen = max(duplicates, key=lambda identity: (identity.filled_cells, identity.row_hash))
        selection.keys[chosen.row_number] = chosen.key(with_text=len(by_text) > 1)
        yield chosen
        for other in duplicates:
            if other.row_number != chosen.row_number:
                values = "the same" if other.row_hash == chosen.row_hash else "other"
                recorded = f"row {chosen.row_number} is recorded, this one, with {values} values, is not"
                text = f"rows {rows} have the same key: {recorded}"
                selection.remarks.append(create_cell_remark(other.row_number, "", "duplicate", text))
    if len(by_text) > 1:
        text = f"rows {rows} have the same member, plan and title; they are distinguished by their text"
        selection.remarks.append(create_cell_remark(group[0].row_number, "", "same-title", text))


def _identify_member(row: SheetRow, parser: RowParser, code: str | None) -> MemberKey | None:
    """Return the member by its own code, else by the commitment's code, else by its name; None if all are unknown."""
    name = " ".join(parser.cell_text(row, "member").split())
    member_code = parser.cell_text(row, "member code").upper()
    by_own_code = lookup_member(member_code) if member_code else None
    by_commitment_code = member_of_commitment_code(code) if code and not member_code else None
    found = by_own_code or by_commitment_code or find_member_by_name(name)
    if found is not None:
        return MemberKey(found.code, found.prefix, found.kind == "LOCAL", name or found.name or found.code)
    if code and _MEMBER_CODE.fullmatch(member_code):
        # A member that joined after our table was made: OGP's codes of local members are longer than three letters.
        return MemberKey(member_code, code.rstrip("0123456789"), len(member_code) > 3, name or member_code)
    return None


def is_name_of_member(name: str, code: str) -> bool:
    """Return whether a name is one of a member; one whose name no table has may have any that is nobody else's."""
    named, known = find_member_by_name(name), lookup_member(code)
    if named is not None:
        return named.code == code
    return known is None or known.name is None


def find_member_by_name(name: str) -> MemberIdentity | None:
    """Return the member of a name as files spell it: `Korea, South`, `Macedonia (FYR)`, `Bosnia & Herzegovina`."""
    plain = " ".join(name.replace("&", "and").replace(".", "").split())
    last, _, first = plain.partition(", ")
    spellings = (plain, _NAME_QUALIFIER.sub("", plain), f"{first} {last}")
    return next(filter(None, map(lookup_member, filter(None, spellings))), None)
