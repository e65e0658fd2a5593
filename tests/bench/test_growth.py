"""The generated states have OGP's real shape, and the measurements run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from bench.growth.database import import_states
from bench.growth.instruments import measure_disk_usage
from bench.growth.states import CHANGED_CELLS, COMMON, ROWS, _corresponding_columns, build_states
from bench.representations import ClaimRows, Deltas, Documents, build_dictionary, compare, read_steps
from ogpgraph.importer.spreadsheets.sheet import parse_sheet
from ogpgraph.system import migrate

SCALE = 0.02


@pytest.mark.parametrize(("layout", "columns"), [("2015", 95), ("2016", 108), ("2024", 171)])
def test_a_state_is_recognized_as_its_layout_with_all_rows_and_columns(layout: str, columns: int) -> None:
    state = next(state for state in build_states(SCALE) if state.layout == layout)
    sheet = parse_sheet(state.data)
    assert sheet.codebook.version == layout
    assert len(sheet.header) == columns
    assert len(list(sheet.rows())) == round(ROWS[layout] * SCALE)


def test_the_states_are_the_same_in_every_run() -> None:
    assert build_states(SCALE) == build_states(SCALE)


def test_the_second_state_has_the_commitments_of_the_first_with_the_declared_number_of_changed_cells() -> None:
    first, second = ([*csv.DictReader(_lines(state.data))] for state in build_states(SCALE)[:2])
    former = {row["Commitment Title"]: row for row in first}
    common = [row for row in second if row["Commitment Title"] in former]
    assert len(common) == round(COMMON["2016"] * SCALE)
    changed = [
        (row["Commitment Title"], path)
        for row in common
        for path, (new, old) in _corresponding_columns().items()
        if row[new] != former[row["Commitment Title"]][old]
    ]
    assert len(changed) == round(CHANGED_CELLS * SCALE)


def test_both_representations_give_the_states_of_an_imported_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'growth.db'}"
    migrate(url)
    import_states(url, SCALE / 4)
    steps = read_steps(url)
    assert measure_disk_usage(url).events == len(steps)
    folder = tmp_path / "representations"
    folder.mkdir()
    compare(
        steps, (Documents(), ClaimRows(), Deltas(build_dictionary(steps))), folder, rounds=2
    )  # raises if they differ


def _lines(data: bytes) -> io.StringIO:
    text = data.decode()
    return io.StringIO(text.partition("\n")[2] if "Working Groups" in text.partition("\n")[0] else text)
