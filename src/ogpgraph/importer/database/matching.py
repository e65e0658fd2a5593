"""Which commitment of the record a row speaks of, where the code does not say it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from ogpgraph.importer.database.identity import Identity, PlanKey, Roll
from ogpgraph.importer.database.report import CellRemark, remark_on

_ALIKE = 0.6  # how much two titles must have in common to be one that was reworded


@dataclass(frozen=True, slots=True)
class Known:
    """A commitment of the record, as far as it takes to know it again in a row without a code."""

    stream: str
    code: str | None
    member: str
    plan_number: int | None
    cycle: int | None
    number: str | None
    titles: frozenset[str]


@dataclass
class Matches:
    """Which commitment of the record each row speaks of, and what could not be decided."""

    streams: dict[int, str] = field(default_factory=dict)
    remarks: list[CellRemark] = field(default_factory=list)


def matched(roll: Roll, known: Iterable[Known]) -> Matches:
    """Return row → stream where member and plan are the same and the title is on both sides once.

    A number that is on both sides once does too, where the titles are alike. Rows whose code the record knows need no
    match and get none.
    """
    by_member: dict[str, list[Known]] = defaultdict(list)
    codes = set()
    for each in known:
        by_member[each.member].append(each)
        codes.add(each.code)
    found = Matches()
    plans: dict[PlanKey, list[Identity]] = defaultdict(list)
    for identity in roll.identities.values():
        if identity.code is None or identity.code not in codes:
            plans[identity.plan].append(identity)
    for plan, rows in plans.items():
        # A row with a code is another commitment than one that the record knows by another code.
        coded = rows[0].code is not None
        cycle = rows[0].cycle
        there = [k for k in by_member[plan.member] if _of_plan(k, plan, cycle) and not (coded and k.code)]
        if there:
            _match(rows, there, found)
    return found


def _of_plan(known: Known, plan: PlanKey, cycle: int | None) -> bool:
    if known.plan_number and plan.number:
        return known.plan_number == plan.number
    return known.cycle is not None and known.cycle == cycle


def _match(rows: list[Identity], there: list[Known], found: Matches) -> None:
    """Match by title where it is on both sides once, then by number where the titles are alike."""
    titles = Counter(row.title for row in rows)
    known_titles = Counter(title for known in there for title in known.titles)
    taken: set[str] = set()
    for row in rows:
        same = [known for known in there if row.title in known.titles]
        if len(same) == 1 and titles[row.title] == 1 and known_titles[row.title] == 1:
            found.streams[row.row] = same[0].stream
            taken.add(same[0].stream)
    numbers = Counter(row.number for row in rows)
    left = [known for known in there if known.stream not in taken]
    known_numbers = Counter(known.number for known in left)
    for row in rows:
        if row.row in found.streams:
            continue
        same = [known for known in left if row.number and known.number == row.number]
        if not same:
            continue
        alike = numbers[row.number] == 1 and known_numbers[row.number] == 1 and _alike(row, same[0])
        if alike and same[0].stream not in taken:
            found.streams[row.row] = same[0].stream
            taken.add(same[0].stream)
        elif any(_alike(row, known) for known in same):
            text = f"number {row.number} of the plan is there more than once with a like title; recorded apart"
            found.remarks.append(remark_on(row.row, "", "not-matched", text))


def _alike(row: Identity, known: Known) -> bool:
    return any(
        row.title in title or title in row.title or SequenceMatcher(None, row.title, title).ratio() >= _ALIKE
        for title in known.titles
        if title and row.title
    )
