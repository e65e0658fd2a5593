"""Matches rows without a known code with commitments that are already recorded.

A second commitment can be merged later; a wrong match mixes the histories of two commitments. So a row is
matched only where the match is unambiguous, and reported where it could match several commitments.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.values import TextValue
from ogpgraph.importer.observations.value_equivalence import TITLES, normalize_title, strip_label
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.identity import PlanKey, RowIdentity, RowSelection, hash_full_text
from ogpgraph.importer.writer import ImportWriter

_NO_TEXT = hash_full_text("")
_FULL_TEXT = ("description/en",)
_MIN_TITLE_SIMILARITY = 0.6
"""The ratio of `SequenceMatcher` from which two titles may be the same title reworded."""


@dataclass(frozen=True, slots=True)
class KnownCommitment:
    """The fields of a recorded commitment by which a row is matched with it.

    `titles` are normalized; `description_hashes` are of what was recorded as its full text.
    """

    stream: str
    code: str | None
    member: str
    plan_number: int | None
    cycle: int | None
    number: str | None
    titles: frozenset[str]
    description_hashes: frozenset[str] = frozenset()


@dataclass
class RowMatches:
    """The streams of the matched commitments by row number, and remarks on rows whose match is ambiguous."""

    streams: dict[int, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)


def match_rows(selection: RowSelection, commitments: Iterable[KnownCommitment]) -> RowMatches:
    """Match rows with commitments of the same member and plan: by title, full text, title without its label, number.

    What is compared must be unique among the plan's rows and among its commitments; of a number the titles must be
    similar, too. Rows whose code is recorded are not matched. A row of a known plan that has no match gets a remark.
    """
    by_member: dict[str, list[KnownCommitment]] = defaultdict(list)
    codes = set()
    for commitment in commitments:
        by_member[commitment.member].append(commitment)
        codes.add(commitment.code)
    rows_by_plan: dict[PlanKey, list[RowIdentity]] = defaultdict(list)
    for identity in selection.identities.values():
        if identity.code is None or identity.code not in codes:
            rows_by_plan[identity.plan].append(identity)
    matches = RowMatches()
    for plan, rows in rows_by_plan.items():
        # Two different codes are two commitments, so a row with a code can only match a commitment without one.
        has_codes = rows[0].code is not None
        in_plan = [
            commitment
            for commitment in by_member[plan.member]
            if _is_in_plan(commitment, plan, rows[0].cycle) and not (has_codes and commitment.code)
        ]
        if in_plan:
            for row_names, known_names in _COMPARED:
                _match_by(rows, in_plan, matches, row_names, known_names)
            _match_by_number(rows, in_plan, matches)
            _report_unmatched(rows, matches)
    return matches


def _is_in_plan(commitment: KnownCommitment, plan: PlanKey, cycle: int | None) -> bool:
    if commitment.plan_number and plan.number:
        return commitment.plan_number == plan.number
    return commitment.cycle is not None and commitment.cycle == cycle


_COMPARED: tuple[tuple[Callable[[RowIdentity], str], Callable[[KnownCommitment], Collection[str]]], ...] = (
    (lambda row: row.title, lambda known: known.titles),
    (lambda row: row.description_hash, lambda known: known.description_hashes - {_NO_TEXT}),
    (lambda row: strip_label(row.title), lambda known: {strip_label(title) for title in known.titles}),
)


def _match_by(
    rows: list[RowIdentity],
    in_plan: list[KnownCommitment],
    matches: RowMatches,
    name_of: Callable[[RowIdentity], str],
    names_of: Callable[[KnownCommitment], Collection[str]],
) -> None:
    """Match the rows and commitments without a match of which one and only one each has a name."""
    matched = {matches.streams[row.row_number] for row in rows if row.row_number in matches.streams}
    known: dict[str, list[str]] = defaultdict(list)
    for commitment in in_plan:
        for name in names_of(commitment) if commitment.stream not in matched else ():
            known[name].append(commitment.stream)
    names = Counter(name_of(row) for row in rows)
    for row in rows:
        name = name_of(row)
        if name and names[name] == 1 and len(known[name]) == 1 and row.row_number not in matches.streams:
            matches.streams[row.row_number] = known[name][0]


def _report_unmatched(rows: list[RowIdentity], matches: RowMatches) -> None:
    reported = {remark.line for remark in matches.remarks}
    for row in rows:
        if row.row_number not in matches.streams and row.row_number not in reported:
            text = "no recorded commitment of the plan has this title, text or number; recorded as another one"
            matches.remarks.append(create_cell_remark(row.row_number, "", "not-matched", text))


def _match_by_number(rows: list[RowIdentity], in_plan: list[KnownCommitment], matches: RowMatches) -> None:
    matched = {matches.streams[row.row_number] for row in rows if row.row_number in matches.streams}
    unmatched = [commitment for commitment in in_plan if commitment.stream not in matched]
    row_numbers = Counter(row.number for row in rows)
    known_numbers = Counter(commitment.number for commitment in unmatched)
    for row in rows:
        if row.number is None or row.row_number in matches.streams:
            continue
        candidates = [c for c in unmatched if c.number == row.number]
        similar = [c for c in candidates if _has_similar_title(row, c)]
        if not similar:
            continue
        if row_numbers[row.number] == 1 and known_numbers[row.number] == 1:
            matches.streams[row.row_number] = similar[0].stream
        else:
            text = f"number {row.number} occurs several times in the plan with a similar title; recorded separately"
            matches.remarks.append(create_cell_remark(row.row_number, "", "not-matched", text))


def _has_similar_title(row: RowIdentity, commitment: KnownCommitment) -> bool:
    return any(
        row.title in title
        or title in row.title
        or SequenceMatcher(None, row.title, title).ratio() >= _MIN_TITLE_SIMILARITY
        for title in commitment.titles
        if title and row.title
    )


def load_known_commitments(writer: ImportWriter, members: Mapping[str, str]) -> Iterator[KnownCommitment]:
    """Yield the commitments of members, without those that were merged into others; `members` maps codes to streams."""
    member_codes = {stream: code for code, stream in members.items()}
    for commitments in writer.load_commitments(member_codes):
        compared = (TITLES, _FULL_TEXT)
        references = (_text_references(each, groups) for each in commitments for groups in compared)
        texts = writer.stored_texts({reference for found in references for reference in found})
        for commitment in commitments:
            if commitment.string("mergedInto") is None:
                yield _known_commitment(commitment, member_codes, texts)


def _text_references(commitment: Aggregate, groups: tuple[str, ...]) -> Iterator[str]:
    for path, claims in commitment.claims.items():
        if path.startswith(groups):
            yield from (claim.value.text for claim in claims if isinstance(claim.value, TextValue))


def _known_commitment(
    commitment: Aggregate, member_codes: Mapping[str, str], texts: Mapping[str, str]
) -> KnownCommitment:
    plan_number, cycle = commitment.value("planNumber"), commitment.value("cycle")
    return KnownCommitment(
        commitment.id,
        commitment.string("code"),
        member_codes.get(commitment.string("member") or "", ""),
        plan_number if isinstance(plan_number, int) else None,
        cycle if isinstance(cycle, int) else None,
        commitment.string("number"),
        frozenset(normalize_title(texts[each]) for each in _text_references(commitment, TITLES) if each in texts),
        frozenset(hash_full_text(texts[each]) for each in _text_references(commitment, _FULL_TEXT) if each in texts),
    )
