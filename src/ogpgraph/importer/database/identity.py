"""Whose rows are whose: keys of rows, duplicates among them, and which commitment of the record a row speaks of."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from ogpgraph.domain.members import MemberCode, member_by, member_of
from ogpgraph.importer.database.cells import RowReader, state_of
from ogpgraph.importer.database.report import CellRemark, remark_on
from ogpgraph.importer.database.respelled import spelling, title_spelling
from ogpgraph.importer.database.sheet import Row

_CODE = re.compile(r"[A-Z]{2,4}\d{4}")
_MEMBER_CODE = re.compile(r"[A-Z]{3,6}")
TotalKey = tuple[str, str, str]
_SAID = frozenset(("", "0"))
_QUALIFIED = re.compile(r"^FYR |\s*\([^()]*\)$")


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A member as a row names it: OGP's code, the letters its commitments' codes begin with, and the name."""

    code: str
    prefix: str
    local: bool
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
class Identity:
    """What tells a row from every other: code where the form has codes, else member, plan, number and title.

    `text` stands for the commitment's full text and `digest` for the whole row; neither holds the words.
    """

    row: int
    code: str | None
    member: MemberKey
    plan: PlanKey
    cycle: int | None
    number: str | None
    title: str
    text: str
    weight: int
    digest: str
    of_member: tuple[str, str]
    of_plan: tuple[str, str, str]
    co_creation: tuple[tuple[str, str], ...] = ()

    @property
    def natural(self) -> tuple[str, int | None, str]:
        """Return what two rows of a form without codes have in common where they may be one commitment."""
        return self.member.code, self.plan.number or self.plan.cycle, self.title

    def key(self, *, with_text: bool) -> str:
        """Return the record's own key of a commitment without a code."""
        said = f"{self.title}\n{self.text}" if with_text else self.title
        plan = f"{self.plan.number:02}" if self.plan.number else "XX"
        if self.plan.number is None:
            said = f"{self.plan.cycle}\n{said}"
        return f"{self.member.code}-{plan}-{sha256(said.encode()).hexdigest()[:8].upper()}"


@dataclass
class Roll:
    """Every row of a file that is to be recorded, by its number, with what was found on the way."""

    identities: dict[int, Identity] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    remarks: list[CellRemark] = field(default_factory=list)
    seen: Counter[TotalKey] = field(default_factory=Counter)
    kept: Counter[TotalKey] = field(default_factory=Counter)
    rows: int = 0


def identify(row: Row, reader: RowReader) -> Identity | CellRemark:
    """Return what tells a row from others, or the remark why nothing can."""
    code = reader.cell(row, "code").upper() or None
    if code is not None and not _CODE.fullmatch(code):
        return remark_on(row.number, "", "code-malformed", f"{code[:40]} is no code of a commitment; not recorded")
    member = _member(row, reader, code)
    if member is None:
        named = reader.cell(row, "member")[:60]
        return remark_on(row.number, "", "member-unknown", f"no member is called {named or '(nothing)'}; not recorded")
    title = reader.cell(row, "title")
    number, cycle = reader.plan_number(row), reader.year(row, "cycle")
    if code is None and (not title or state_of(title) or not (number or cycle)):
        return remark_on(row.number, "", "no-key", "neither code nor plan and title; not recorded")
    cells = [cell.strip() for cell in row.cells.values()]
    return Identity(
        row.number,
        code,
        member,
        PlanKey(member.code, number, None if number else cycle),
        cycle,
        reader.number(row),
        title_spelling(title),
        sha256(spelling(_full_text(row)).encode(errors="replace")).hexdigest(),
        sum(cell not in _SAID and state_of(cell) is None for cell in cells),
        _digest(row),
        (reader.cell(row, "region"), reader.cell(row, "category")),
        (reader.cell(row, "plan id"), str(reader.year(row, "plan end") or ""), reader.cell(row, "plan duration")),
        reader.co_creation(row),
    )


def _digest(row: Row) -> str:
    cells = sorted(f"{name}\x1e{cell.strip()}" for name, cell in row.cells.items())
    return sha256("\x1f".join(cells).encode(errors="replace")).hexdigest()


def roll_of(rows: Iterable[Row], reader: RowReader) -> Roll:
    """Return the rows that are to be recorded: one of each commitment, whatever the order of the file."""
    roll = Roll()
    groups: dict[object, list[Identity]] = defaultdict(list)
    for row in rows:
        roll.rows += 1
        found = identify(row, reader)
        if isinstance(found, CellRemark):
            roll.remarks.append(found)
            continue
        roll.seen[total_key(found)] += 1
        groups[found.code or found.natural].append(found)
    for group in groups.values():
        for identity in _apart(group, roll):
            roll.identities[identity.row] = identity
            roll.kept[total_key(identity)] += 1
    roll.identities = dict(sorted(roll.identities.items()))
    return roll


def total_key(identity: Identity) -> TotalKey:
    """Return what a row is counted under."""
    return identity.member.code, identity.member.name, _cycle_of(identity)


def _cycle_of(identity: Identity) -> str:
    return str(identity.cycle) if identity.cycle else f"plan {identity.plan.number}"


def _apart(group: list[Identity], roll: Roll) -> Iterator[Identity]:
    """Yield one row for each commitment among rows of one key, and tell of the others."""
    if len(group) == 1:
        roll.keys[group[0].row] = group[0].key(with_text=False)
        yield group[0]
        return
    rows = ", ".join(str(each.row) for each in group)
    by_text: dict[str, list[Identity]] = defaultdict(list)
    for each in group:
        by_text[each.text if each.code is None else ""].append(each)
    for same in by_text.values():
        kept = max(same, key=lambda each: (each.weight, each.digest))
        roll.keys[kept.row] = kept.key(with_text=len(by_text) > 1)
        yield kept
        for left in same:
            if left.row != kept.row:
                like = "the same" if left.digest == kept.digest else "other values"
                text = f"rows {rows} have one key: row {kept.row} is recorded, this one, with {like}, is not"
                roll.remarks.append(remark_on(left.row, "", "duplicate", text))
    if len(by_text) > 1:
        text = f"rows {rows} have one member, plan and title; they are told apart by their text"
        roll.remarks.append(remark_on(group[0].row, "", "same-title", text))


def _member(row: Row, reader: RowReader, code: str | None) -> MemberKey | None:
    name, given = reader.cell(row, "member"), reader.cell(row, "member code").upper()
    by_code = member_of(code) if code else None
    found = member_by(given) if given else None
    found = found or (by_code if not given else None) or _member_named(name)
    if found is not None:
        return MemberKey(found.code, found.prefix, found.kind == "LOCAL", name or found.name or found.code)
    if code and _MEMBER_CODE.fullmatch(given):
        letters = code.rstrip("0123456789")
        return MemberKey(given, letters, len(given) > 3, name or given)
    return None


def _member_named(name: str) -> MemberCode | None:
    """Return the member of a name as files write them: `Korea, South`, `Macedonia (FYR)`, `Bosnia & Herzegovina`."""
    plain = " ".join(name.replace("&", "and").replace(".", "").split())
    last, _, first = plain.partition(", ")
    spellings = (plain, _QUALIFIED.sub("", plain), f"{first} {last}")
    return next(filter(None, map(member_by, filter(None, spellings))), None)


def _full_text(row: Row) -> str:
    return row.cells.get("Full Text", "")
