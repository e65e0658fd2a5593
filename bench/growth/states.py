"""Three states of OGP's commitment database in their real shape, with seeded synthetic texts.

The states have the layouts of 2015, 2016 and 2024, the numbers of rows that OGP published, and as many commitments in
common. Columns, codes and the frequencies of values are OGP's (`columns.csv`); every text is made of invented
words, with the lengths that the column's texts have. A cell of the second state differs from the first one's where
reviews appeared in between or an editor changed it: `CHANGED_CELLS` in all.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path

from ogpgraph.domain.member_table import MemberIdentity, known_members, region_of
from ogpgraph.importer.spreadsheets.codebook import Codebook, find_codebook

ROWS = {"2015": 1_986, "2016": 1_927, "2024": 558}
OBSERVED_ON = {"2015": "2015-05-15", "2016": "2016-07-15", "2024": "2024-07-15"}
COMMON = {"2016": 1_737, "2024": 155}
"""How many commitments of a state are those of the state before."""
CHANGED_CELLS = 11_950
MEMBERS = {"2015": 61, "2016": 61, "2024": 75}
SEED = 15

_COLUMNS = Path(__file__).parent / "columns.csv"
_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_REVIEWED_SHARE = 0.25
"""The share of commitments that were reviewed between the first two states: then all `_REVIEW_PATHS` change."""
_REVIEW_PATHS = (
    "ratings/SPECIFICITY/DESIGN",
    "ratings/RELEVANCE/DESIGN",
    "ratings/RELEVANCE/DESIGN/ACCESS_TO_INFORMATION",
    "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION",
    "ratings/RELEVANCE/DESIGN/PUBLIC_ACCOUNTABILITY",
    "ratings/RELEVANCE/DESIGN/TECHNOLOGY_AND_INNOVATION",
    "ratings/COMPLETION/MIDTERM",
    "findings/IRM_ASSESSED",
    "findings/COMPOUND",
)
_EDITED_PATHS = {
    "findings/STARRED_BEFORE_JUNE_2014": 71,
    "startsOn": 61,
    "endsOn": 61,
    "ratings/POTENTIAL_IMPACT/DESIGN": 61,
    "supportingInstitutions/en": 51,
    "description/en": 34,
    "leadInstitutions/en": 22,
    "cluster": 7,
}
"""Path → how many of its cells differ between the samples of the first two states."""
_STATES = ("NR", "ND")

Cells = dict[str, str]


@dataclass(frozen=True)
class State:
    """One state of the database: the year of its layout, when it was observed, and the bytes of the file."""

    layout: str
    observed_on: str
    data: bytes


def build_states(scale: float = 1.0) -> list[State]:
    """Return the three states, the oldest first; `scale` reduces all numbers of rows and cells, for trials."""
    records: list[_Record] = []
    states = []
    for layout in ROWS:
        records = _next_records(layout, records, scale)
        states.append(State(layout, OBSERVED_ON[layout], _render(layout, records)))
    return states


@dataclass
class _Record:
    """A commitment in one state: what identifies it in every layout, and the cells of the state's columns by name."""

    number: int
    member: MemberIdentity
    plan: int
    title: str
    cells: Cells


def _next_records(layout: str, before: list[_Record], scale: float) -> list[_Record]:
    source = random.Random(f"{SEED}/{layout}")
    common = source.sample(before, round(COMMON[layout] * scale)) if before else []
    members = _members(MEMBERS[layout])
    records = [_Record(each.number, each.member, each.plan, each.title, {}) for each in common]
    for index in range(round(ROWS[layout] * scale) - len(common)):
        number = int(layout) * 10_000 + index
        record = _Record(number, members[index % len(members)], 1 + index // len(members) % _plans(layout), "", {})
        record.title = f"{1 + index // 100}. {_text(source, _title_length(layout, source))} {_word(source)}"
        records.append(record)
    source.shuffle(records)
    for record in records:
        _fill_cells(layout, record, source)
    if layout == "2016":
        _carry_over({each.number: each for each in before}, records, scale, source)
    return records


def _carry_over(before: dict[int, _Record], records: list[_Record], scale: float, source: random.Random) -> None:
    """Give commitments that the state before has its cells, but for those that changed in between."""
    columns = _corresponding_columns()
    drawn = {record.number: dict(record.cells) for record in records}
    common = [record for record in records if record.number in before]
    for record in common:
        record.cells |= {name: before[record.number].cells[former] for name, former in columns.values()}
    left = round(CHANGED_CELLS * scale)
    for record in source.sample(common, round(len(common) * _REVIEWED_SHARE)):
        for path in _REVIEW_PATHS:
            left -= _change(record, columns[path][0], drawn, source)
    paths, weights = list(_EDITED_PATHS), list(_EDITED_PATHS.values())
    changed: set[tuple[int, str]] = set()
    while left > 0:
        record, path = source.choice(common), source.choices(paths, weights)[0]
        if (record.number, path) not in changed:
            changed.add((record.number, path))
            left -= _change(record, columns[path][0], drawn, source)


def _change(record: _Record, name: str, drawn: dict[int, Cells], source: random.Random) -> int:
    """Replace a cell by another; returns 1."""
    column, former = _columns_by_name("2016")[name], record.cells[name]
    if column.is_free_text and former not in column.values:  # an editor reworded a part
        words = former.split(" ")
        words[source.randrange(len(words))] = _word(source) + _word(source)
        record.cells[name] = " ".join(words)
        return 1
    new = drawn[record.number][name]
    while new.casefold() == former.casefold():
        new = column.draw(source, source.random())
    record.cells[name] = new
    return 1


def _corresponding_columns() -> dict[str, tuple[str, str]]:
    """Return path → the column of the second layout and that of the first, without those that identify a row."""
    first, second = (_columns_by_path(layout) for layout in ("2015", "2016"))
    return {path: (second[path], first[path]) for path in second if path in first}


def _columns_by_path(layout: str) -> dict[str, str]:
    book = _codebook(layout)
    by_path = {column.path: name for name, column in book.columns.items() if column.path}
    return by_path | {f"areas/{area}": name for name, area in book.areas.items()}


def _codebook(layout: str) -> Codebook:
    book = find_codebook(layout)
    assert book is not None
    return book


# Columns


@dataclass(frozen=True)
class _Column:
    """A column: the frequencies of its values, and the quantiles of the lengths of its texts, of which `*` is one.

    `distinct` is how many texts there are; None if each differs. A name after `%` or `@` is a value that is computed,
    the latter from what identifies the row.
    """

    layout: str
    name: str
    values: tuple[str, ...]
    weights: tuple[float, ...]
    lengths: tuple[int, ...]
    distinct: int | None

    @property
    def computed(self) -> str:
        """Return the name of what identifies the row and is in the cell, empty if there is no such thing."""
        return self.values[0][1:] if self.values[0].startswith("@") else ""

    @property
    def is_free_text(self) -> bool:
        return bool(self.lengths)

    @cached_property
    def _totals(self) -> list[float]:
        return list(accumulate(self.weights))

    def draw(self, source: random.Random, review: float) -> str:
        """Return a cell; `review` (from 0 to 1) is common to the columns of a row, as a row is reviewed in all of them.

        So rows without a review have NR or ND in most of their columns, as OGP's have.
        """
        shares = {value: weight / self._totals[-1] for value, weight in zip(self.values, self.weights, strict=True)}
        not_reviewed, no_data = (shares.get(state, 0.0) for state in _STATES)
        if review < not_reviewed:
            return "NR"
        if review > 1 - no_data:
            return "ND"
        others = [weight * (value not in _STATES) for value, weight in zip(self.values, self.weights, strict=True)]
        return self._expand(source.choices(self.values, others)[0], source)

    def _expand(self, value: str, source: random.Random) -> str:
        match value:
            case "*" if self.distinct:
                # Of many texts a few are frequent.
                index = int(self.distinct * source.random() ** 2)
                own = random.Random(f"{self.lengths}/{index}")
                return _text(own, _length(self.lengths, own))
            case "*":
                return _text(source, _length(self.lengths, source))
            case "%number":
                return str(source.randint(1, 300))
            case "%date":
                year = source.randint(2011, 2016) + 6 * (self.layout == "2024")
                return (
                    f"{source.randint(1, 12):02}/01/{year}"
                    if self.layout == "2016"
                    else f"{source.randint(1, 12)}/1/{year}"
                )
            case "%month":
                months = ("Jan", "Mar", "Jun", "Sep", "Dec")
                return f"{source.choice(months)}-{source.randint(11, 16) + 6 * (self.layout == '2024')}"
            case "%codes":
                first = source.randint(1, 90)
                return ", ".join(f"ID{number:04}" for number in range(first, first + source.randint(2, 6)))
            case _:
                return value


@cache
def _columns(layout: str) -> tuple[_Column, ...]:
    """Return the columns of a layout, in the order of its files."""
    with _COLUMNS.open(newline="", encoding="utf-8") as file:
        return tuple(_parse_column(row) for row in csv.DictReader(file) if row["layout"] == layout)


def _parse_column(row: dict[str, str]) -> _Column:
    cells = row["cells"]
    pairs = [(cells, "1")] if cells.startswith("@") else [pair.rsplit("=", 1) for pair in cells.split("; ")]
    return _Column(
        row["layout"],
        row["column"],
        tuple(value for value, _ in pairs),
        tuple(float(weight) for _, weight in pairs),
        tuple(map(int, row["lengths"].split())),
        int(row["distinct"]) if row["distinct"] else None,
    )


@cache
def _columns_by_name(layout: str) -> dict[str, _Column]:
    return {column.name: column for column in _columns(layout)}


def _fill_cells(layout: str, record: _Record, source: random.Random) -> None:
    review = source.random()
    for column in _columns(layout):
        if not column.computed:
            record.cells[column.name] = column.draw(source, review)


# Rows


def _render(layout: str, records: list[_Record]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    if layout == "2015":  # a line of headings above the column names
        writer.writerow(["Working Groups" if column.name == "ODWG" else "" for column in _columns(layout)])
    writer.writerow([column.name for column in _columns(layout)])
    for row, record in enumerate(records, 1):
        identity = _identity_cells(layout, row, record)
        writer.writerow([identity.get(column.computed) or record.cells[column.name] for column in _columns(layout)])
    return out.getvalue().encode()


def _identity_cells(layout: str, row: int, record: _Record) -> Cells:
    cycle = _first_cycle(layout) + 2 * (record.plan - 1)
    code, member = f"{record.member.prefix}{row:04}", record.member
    slug = str(member.name).lower().replace(" ", "-")
    return {
        "member": str(member.name),
        "memberCode": member.code,
        "region": region_of(member.code) or "",
        "plan": str(record.plan),
        "cycle": str(cycle),
        "number": str(record.number % 97 + 1),
        "title": record.title,
        "code": code,
        "planId": f"AP_{member.code}{record.plan:02}",
        "url": f"https://www.opengovpartnership.org/members/{slug}/commitments/{code}/",
        "id": str(1_000 + row),
    }


def _plans(layout: str) -> int:
    return 6 if layout == "2024" else 2


def _first_cycle(layout: str) -> int:
    return 2012 if layout == "2024" else 2011


def _members(number: int) -> list[MemberIdentity]:
    national = [member for member in known_members().values() if member.kind == "NATIONAL" and region_of(member.code)]
    return random.Random(SEED).sample(national, len(national))[:number]


# Texts


def _title_length(layout: str, source: random.Random) -> int:
    return _length((9, 20, 26, 42, 65, 103, 392) if layout == "2024" else (11, 23, 29, 42, 60, 90, 155), source)


def _length(quantiles: tuple[int, ...], source: random.Random) -> int:
    """Return a length whose distribution has these quantiles."""
    share = source.random()
    upper = next(index for index, each in enumerate(_QUANTILES) if share < each)
    low, high = quantiles[upper - 1], quantiles[upper]
    return round(low + (high - low) * (share - _QUANTILES[upper - 1]) / (_QUANTILES[upper] - _QUANTILES[upper - 1]))


def _text(source: random.Random, length: int) -> str:
    return "".join(_words(source, length))[:length].strip().capitalize() or "X"


def _words(source: random.Random, length: int) -> Iterator[str]:
    while length > 0:
        word = _word(source)
        yield word + " "
        length -= len(word) + 1


def _word(source: random.Random) -> str:
    vocabulary, weights = _vocabulary()
    return source.choices(vocabulary, cum_weights=weights)[0]


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Return invented words and their cumulated weights, which fall as in natural languages (Zipf)."""
    source = random.Random(SEED)
    syllables = [a + b for a in "bcdfghklmnprstv" for b in ("a", "e", "i", "o", "u", "an", "en", "or", "is")]
    words = list(
        dict.fromkeys("".join(source.choices(syllables, k=source.choice((1, 2, 2, 3, 4)))) for _ in range(4_000))
    )
    words.sort(key=len)  # frequent words are short
    return words, list(accumulate(1 / (rank + 3) for rank in range(len(words))))
