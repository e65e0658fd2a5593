"""A damaged state of a file withdraws and invents nothing: what it does not show whole stays, and is named."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from ogpgraph.system import System
from tests.graphql.client import execute_query, query_commitment
from tests.importer.spreadsheets.spreadsheet_files import (
    Cells,
    build_csv,
    codebook_header,
    dump_record,
    import_file,
    remark_kinds,
    require_codebook,
    row_2016,
    row_2024,
)

Damage = Callable[[list[list[str]], Random], str]
"""Damages the rows of a file, of which the first is the header, and returns the text of the file."""


def filled_row(code: str) -> Cells:
    """Return a row with a value of its own in most columns."""
    return row_2024(
        code,
        Specificity="High",
        Verifiable="Yes",
        Potential_Impact="Moderate",
        Completion_End_of_Term="Substantial",
        Start_Date="1/1/2018",
        End_Date="12/31/2019",
        Supporting_Institution_s_="Office of Piers; Élan Agency",
    ) | dict.fromkeys(list_areas(), "1")


def list_areas() -> list[str]:
    return [name for name in codebook_header("2024") if name in ("Open Data", "Fiscal Openness", "Justice")]


def as_text(rows: list[list[str]], end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


def cut_off(rows: list[list[str]], random: Random) -> str:
    text = as_text(rows)
    begin = text.rindex("UY0903")
    return text[: random.randrange(begin + 30, len(text) - 20)]


def drop_cells(rows: list[list[str]], random: Random) -> str:
    row = rows[random.randrange(1, len(rows))]
    for _ in range(random.randint(1, 3)):
        del row[random.randrange(1, len(row))]
    return as_text(rows)


def put_errors_into_cells(rows: list[list[str]], random: Random) -> str:
    for row in rows[1:]:
        for place in random.sample(range(3, len(row)), 30):
            row[place] = random.choice(["#N/A", "#REF!", "=A1", "=SUM(B2:B9)", "#DIV/0!", "#######"])
    return as_text(rows)


def leave_rows_out(rows: list[list[str]], random: Random) -> str:
    del rows[random.randrange(1, len(rows))]
    return as_text(rows)


def repeat_and_reorder(rows: list[list[str]], random: Random) -> str:
    header, *others = rows
    others += random.sample(others, 2)
    random.shuffle(others)
    return as_text([header, *others, header])


def decompose(rows: list[list[str]], random: Random) -> str:  # noqa: ARG001 - one of many
    return unicodedata.normalize("NFD", as_text(rows))


def end_with_carriage_returns(rows: list[list[str]], random: Random) -> str:  # noqa: ARG001 - likewise
    return as_text(rows, end="\r")


def write_tick_boxes(rows: list[list[str]], random: Random) -> str:  # noqa: ARG001 - likewise
    areas = [place for place, name in enumerate(rows[0]) if name in list_areas()]
    for row in rows[1:]:
        for place in areas:
            row[place] = {"1": "TRUE", "0": "FALSE"}[row[place]]
    return as_text(rows)


def insert_lines(rows: list[list[str]], random: Random) -> str:
    lines = as_text(rows).splitlines(keepends=True)
    lines.insert(random.randrange(1, len(lines)), "Source: the public register, as exported\n")
    return "".join(lines)


def empty_columns(rows: list[list[str]], random: Random) -> str:
    for place in random.sample(range(1, len(rows[0])), 20):
        for row in rows[1:]:
            row[place] = ""
    return as_text(rows)


def empty_cells_that_identify(rows: list[list[str]], random: Random) -> str:
    places = [rows[0].index(name) for name in IDENTIFYING]
    random.choice(rows[1:])[random.choice(places)] = ""
    return as_text(rows)


def write_names_in_capitals(rows: list[list[str]], random: Random) -> str:
    place = rows[0].index("Country/Locality")
    for row in rows[1:]:
        row[place] = random.choice([row[place].upper(), row[place].lower()])
    return as_text(rows)


IDENTIFYING = ("Action Plan Number", "Year Of Submission", "Commitment Number", "Commitment Title")

DAMAGES: tuple[Damage, ...] = (
    cut_off,
    drop_cells,
    put_errors_into_cells,
    leave_rows_out,
    repeat_and_reorder,
    decompose,
    end_with_carriage_returns,
    write_tick_boxes,
    insert_lines,
    empty_columns,
    empty_cells_that_identify,
    write_names_in_capitals,
)
NAMED: dict[Damage, set[str]] = {
    cut_off: {"row-too-short"},
    drop_cells: {"row-too-short"},
    put_errors_into_cells: {"doubtful"},
    insert_lines: {"row-too-short"},
    empty_columns: {"column-emptied"},
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_state_changes_nothing(system: System, damage: Damage) -> None:
    check_damage(system, damage, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 30))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_state_changes_nothing_wherever_it_is_damaged(system: System, damage: Damage, seed: int) -> None:
    check_damage(system, damage, seed)


def check_damage(system: System, damage: Damage, seed: int) -> None:
    whole = build_csv("2024", [filled_row(f"UY090{n}") for n in (1, 2, 3)])
    import_file(system, whole, 2020)
    before = dump_values(system)
    rows = list(csv.reader(io.StringIO(whole.decode())))
    report = import_file(system, damage(rows, Random(seed)).encode(), 2021)
    assert dump_values(system) == before
    assert remark_kinds(report) >= NAMED.get(damage, set())


def dump_values(system: System) -> Any:
    """Return the record, but not whether the files list a commitment: a row that is missing is no damage."""
    record = dump_record(system)
    for each in record["commitments"]["nodes"]:
        each["blame"] = [blamed for blamed in each["blame"] if blamed["path"] != "listed"]
    return record


def test_what_a_damaged_cell_said_before_is_withdrawn_by_a_later_whole_file(system: System) -> None:
    import_file(system, build_csv("2024", [filled_row("UY0901")]), 2020)
    import_file(system, build_csv("2024", [filled_row("UY0901") | {"Specificity": "#N/A"}]), 2021)
    import_file(system, build_csv("2024", [filled_row("UY0901") | {"Specificity": "", "_Specificity": ""}]), 2022)
    fields = "ratings(indicator: SPECIFICITY) { state } history { nodes { effective { after before } } }"
    found = query_commitment(system, "UY0901", fields)
    assert found["ratings"] == []
    # The damaged file says nothing of the cell, so the value may have gone at any time since the first.
    assert found["history"]["nodes"][-1]["effective"]["after"].startswith("2020-01-01")


def test_cells_of_the_columns_beside_them_are_not_recorded(system: System) -> None:
    names = codebook_header("2024")
    cells = [filled_row("UY0901").get(name, "") for name in names]
    place = names.index("Verifiable")
    data = as_text([names, [*cells[:place], *cells[place + 1 :], ""]]).encode()
    report = import_file(system, data, 2020)
    assert "row-askew" in remark_kinds(report)
    assert dump_record(system)["commitments"]["nodes"] == []


TAIL = (
    "Active Commitment",
    "IRM-Based Score",
    "Binding constraint",
    "URL",
    "Latest IRM Report",
    "Subnational in NAPs",
    "Action Plan ID",
)


@pytest.mark.parametrize("is_missing", [True, False])
@pytest.mark.parametrize("place", [10, 60, -8])
def test_a_row_that_was_not_reviewed_and_is_askew_is_not_recorded(
    system: System, place: int, *, is_missing: bool
) -> None:
    names = [*(name for name in codebook_header("2024") if name not in TAIL), *TAIL]
    row = dict.fromkeys(names, "NR") | row_2024(
        IRM_Based_Score="-1", Binding_constraint="NR", Latest_IRM_Report="NA", Subnational_in_NAPs="0"
    )
    cells = [row[name] for name in names]
    whole = import_file(system, as_text([names, cells]).encode(), 2020)
    assert not whole.unrecognized
    before = dump_values(system)
    askew = [*cells[:place], *cells[place + 1 :], ""] if is_missing else [*cells[:place], "", *cells[place:-1]]
    report = import_file(system, as_text([names, askew]).encode(), 2021)
    assert remark_kinds(report) & {"row-askew", "no-key"}
    assert dump_values(system) == before


def test_a_row_without_a_plan_is_not_recorded(system: System) -> None:
    row = row_2024() | {"Action Plan Number": "", "Year Of Submission": "ND"}
    report = import_file(system, build_csv("2024", [row]), 2020)
    assert "no-key" in remark_kinds(report)
    assert execute_query(system, "{ actionPlans { totalCount } commitments { totalCount } }") == {
        "actionPlans": {"totalCount": 0},
        "commitments": {"totalCount": 0},
    }


def test_a_policy_area_that_nobody_has_may_be_empty_where_no_cell_is_zero(system: System) -> None:
    def with_areas(*areas: str) -> bytes:
        blank = dict.fromkeys(require_codebook("2024").areas, "")
        return build_csv("2024", [row_2024(code) | blank | dict.fromkeys(areas, "1") for code in ("UY0901", "UY0902")])

    import_file(system, with_areas("Justice", "Youth"), 2020)
    report = import_file(system, with_areas("Youth"), 2021)
    assert query_commitment(system, "UY0901", "policyAreas")["policyAreas"] == ["Youth"]
    assert "column-emptied" not in remark_kinds(report)


def test_an_emptied_column_says_nothing_in_any_order_of_the_files(system: System) -> None:
    rows = [filled_row(f"UY090{n}") for n in (1, 2)]
    emptied = [row | {"Start Date": ""} for row in rows]
    changed = [row | {"Start Date": "5/1/2019"} for row in rows]
    for year, state in ((2022, changed), (2021, emptied), (2020, rows)):
        import_file(system, build_csv("2024", state), year)
    found = query_commitment(system, "UY0901", 'startsOn blame(path: "startsOn") { changedBetween { after before } }')
    assert found["startsOn"] == "2019-05-01"
    # The file of 2021 does not show the change.
    assert found["blame"][0]["changedBetween"]["after"].startswith("2020")


def test_how_a_date_is_read_does_not_depend_on_other_rows(system: System) -> None:
    ambiguous = row_2016("1. Ferries", Start_Date="3/4/2014", End_Date="2015")
    import_file(
        system, build_csv("2016", [ambiguous, row_2016("2. Piers", Start_Date="31/12/2014", End_Date="2015")]), 2016
    )
    found = dump_record(system)["commitments"]["nodes"]
    assert sorted(each["startsOn"] for each in found) == ["2014", "2014-12-31"]
