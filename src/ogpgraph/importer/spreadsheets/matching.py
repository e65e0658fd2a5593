"""Which commitment of the record a row speaks of, where the code does not say it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.values import TextValue
from ogpgraph.importer.observations.value_equivalence import normalize_title
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity, RowSelection
from ogpgraph.importer.writer import ImportWriter

_MIN_TITLE_SIMILARITY = 0.6  # how much two titles must have in common to be one that was reworded


@dataclass(frozen=True, slots=True)
class KnownCommitment:
    """A commitment of the record, as far as it takes to know it again in a row without a code."""

    stream: str
    code: str | None
    member: str
    plan_number: int | None
    cycle: int | None
    number: str | None
    titles: frozenset[str]


@dataclass
class RowMatches:
    """Which commitment of the record each row speaks of, and what could not be decided."""

    streams: dict[int, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)


def match_rows(selection: RowSelection, known: Iterable[KnownCommitment]) -> RowMatches:
    """Return row → stream where member and plan are the same and the title is on both sides once.

    A number that is on both sides once does too, where the titles are alike. Rows whose code the record knows need no
    match and get none.
    """
    by_member: dict[str, list[KnownCommitment]] = defaultdict(list)
    codes = set()
    for each in known:
        by_member[each.member].append(each)
        codes.add(each.code)
    found = RowMatches()
    plans: dict[PlanKey, list[RowIdentity]] = defaultdict(list)
    for identity in selection.identities.values():
        if identity.code is None or identity.code not in codes:
            plans[identity.plan].append(identity)
    for plan, rows in plans.items():
        # A row with a code is another commitment than one that the record knows by another code.
        coded = rows[0].code is not None
        cycle = rows[0].cycle
        in_plan = [k for k in by_member[plan.member] if _is_in_plan(k, plan, cycle) and not (coded and k.code)]
        if in_plan:
            _match_plan_rows(rows, in_plan, found)
    return found


def _is_in_plan(known: KnownCommitment, plan: PlanKey, cycle: int | None) -> bool:
    if known.plan_number and plan.number:
        return known.plan_number == plan.number
    return known.cycle is not None and known.cycle == cycle


def _match_plan_rows(rows: list[RowIdentity], in_plan: list[KnownCommitment], found: RowMatches) -> None:
    """Match by title where it is on both sides once, then by number where the titles are alike."""
    titles = Counter(row.title for row in rows)
    known_titles = Counter(title for known in in_plan for title in known.titles)
    taken: set[str] = set()
    for row in rows:
        candidates = [known for known in in_plan if row.title in known.titles]
        if len(candidates) == 1 and titles[row.title] == 1 and known_titles[row.title] == 1:
            found.streams[row.row_number] = candidates[0].stream
            taken.add(candidates[0].stream)
    numbers = Counter(row.number for row in rows)
    left = [known for known in in_plan if known.stream not in taken]
    known_numbers = Counter(known.number for known in left)
    for row in rows:
        if row.row_number in found.streams:
            continue
        candidates = [known for known in left if row.number and known.number == row.number]
        if not candidates:
            continue
        alike = numbers[row.number] == 1 and known_numbers[row.number] == 1 and _has_similar_title(row, candidates[0])
        if alike and candidates[0].stream not in taken:
            found.streams[row.row_number] = candidates[0].stream
            taken.add(candidates[0].stream)
        elif any(_has_similar_title(row, known) for known in candidates):
            text = f"number {row.number} of the plan is there more than once with a like title; recorded apart"
            found.remarks.append(create_cell_remark(row.row_number, "", "not-matched", text))


def _has_similar_title(row: RowIdentity, known: KnownCommitment) -> bool:
    return any(
        row.title in title
        or title in row.title
        or SequenceMatcher(None, row.title, title).ratio() >= _MIN_TITLE_SIMILARITY
        for title in known.titles
        if title and row.title
    )


def load_known_commitments(writer: ImportWriter, members: Mapping[str, str]) -> Iterator[KnownCommitment]:
    """Yield what it takes to know the commitments of some members again; `members` is code → stream."""
    codes = {stream: code for code, stream in members.items()}
    for found in writer.load_commitments(codes):
        words = writer.stored_texts({ref for subject in found for ref in _titles(subject)})
        yield from (
            _known_commitment(subject, codes, words) for subject in found if subject.string("mergedInto") is None
        )


def _titles(subject: Aggregate) -> Iterator[str]:
    for path, claims in subject.claims.items():
        if path.startswith(("title/", "shortTitle/")):
            yield from (claim.value.text for claim in claims if isinstance(claim.value, TextValue))


def _known_commitment(subject: Aggregate, codes: dict[str, str], words: dict[str, str]) -> KnownCommitment:
    number, cycle = subject.value("planNumber"), subject.value("cycle")
    return KnownCommitment(
        subject.id,
        subject.string("code"),
        codes.get(subject.string("member") or "", ""),
        number if isinstance(number, int) else None,
        cycle if isinstance(cycle, int) else None,
        subject.string("number"),
        frozenset(normalize_title(words[ref]) for ref in _titles(subject) if ref in words),
    )
