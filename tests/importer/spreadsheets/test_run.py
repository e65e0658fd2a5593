"""Files are imported once, in batches, and an interrupted import can be resumed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ogpgraph.domain.action_plan import find_action_plan
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.run import import_files
from ogpgraph.importer.spreadsheets import run
from ogpgraph.importer.writer import DryRunWriter, LogWriter, revert_import
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import execute_query
from tests.importer.sample_pages import day
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    codebook_header,
    count_recorded_events,
    dump_record,
    import_file,
    row_2016,
    row_2024,
)


def test_a_file_is_recognized_by_its_header_whatever_its_name(system: System, tmp_path: Path) -> None:
    (file := tmp_path / "database.txt").write_bytes(build_csv("2024", [row_2024()]))
    (report,) = import_files(
        system, [file], CommandContext(actor="i", role="publisher", time=day(1)), limit_bytes=100_000
    )
    assert (report.outcome, report.as_json()["totals"]) == (
        "recorded",
        [{"member": "URY", "name": "Uruguay", "cycle": "2018", "rows": 1, "recorded": 1}],
    )


def test_no_part_of_a_report_has_personal_data_wherever_a_file_has_it(system: System) -> None:
    address = "jane.doe@ministry.example"
    row = row_2024(CountryLocality=address, YearOfSubmission=address, Region=f"{'Ask ' * 13}{address}")
    header = [*codebook_header("2024"), address]
    report = import_file(system, build_csv("2024", [row], header=header), 2021)
    assert {"column-unknown", "unrecognised"} <= {remark.kind for remark in report.remarks}
    assert "jane" not in json.dumps(report.as_json())


def test_a_file_with_an_unknown_layout_is_refused_and_records_nothing(system: System, tmp_path: Path) -> None:
    (file := tmp_path / "other.csv").write_text("Country,Action Plan Number\nUruguay,1\n")
    (report,) = import_files(
        system, [file], CommandContext(actor="i", role="publisher", time=day(1)), limit_bytes=10_000
    )
    assert "nearest is that of" in report.problem
    assert execute_query(system, "{ meta { position } }")["meta"]["position"] == 0


def test_every_truncation_of_a_file_is_imported_or_refused(make_system: SystemFactory) -> None:
    data = build_csv("2024", [row_2024(), row_2024("UY0902")])
    system = make_system()
    for end in range(0, len(data), 397):
        try:
            run.import_spreadsheet(
                DryRunWriter(system), "cut.csv", data[:end], CommandContext(actor="i", role="publisher", time=day(1))
            )
        except UnreadableInput as refused:
            assert refused.reason  # noqa: PT017 - either outcome is right


def test_the_same_file_again_is_only_recorded_as_seen_again(system: System) -> None:
    data = build_csv("2024", [row_2024()])
    import_file(system, data, 2024)
    again = import_file(system, data, 2024, 2)
    assert (again.outcome, count_recorded_events(again)) == ("seen again", {("SourceObservedUnchanged", "REPORTED"): 1})


def test_a_file_whose_import_was_reverted_can_be_imported_again(system: System) -> None:
    data = build_csv("2016", [row_2016(Specificity="a. low")])
    context = CommandContext(actor="importer", role="publisher", time=day(1), correlation="wrong-one")
    run.import_spreadsheet(LogWriter(system), "file.csv", data, context)
    before = dump_record(system)
    revert_import(system, "wrong-one", CommandContext(actor="importer", role="publisher", time=day(2)))
    assert dump_record(system)["commitments"]["nodes"] == []
    assert import_file(system, data, 2016).outcome == "recorded"
    (again,), (first,) = dump_record(system)["commitments"]["nodes"], before["commitments"]["nodes"]
    assert (again["code"], again["ratings"]) == (first["code"], first["ratings"])


def test_progress_is_reported_for_each_batch_that_is_read_and_then_recorded(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH_SIZE", 2)
    calls: list[tuple[int, int]] = []
    rows = [row_2024(f"UY090{n}") for n in range(1, 6)]
    import_file(system, build_csv("2024", rows), 2024, progress=lambda done, of: calls.append((done, of)))
    read, recorded = [(0, 5), (2, 5), (4, 5)], [(2, 5), (4, 5), (5, 5)]
    assert calls == [*read, *recorded]


class Interrupted(Exception):
    pass


@BOTH_ENGINES
def test_an_interrupted_import_that_is_resumed_ends_like_an_uninterrupted_one(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH_SIZE", 3)
    rows = [row_2024(f"UY09{n}", Specificity="High") for n in range(10, 20)]
    former, data = build_csv("2024", rows[:4]), build_csv("2024", [row | {"Specificity": "Low"} for row in rows])
    whole, broken = make_system("whole"), make_system("broken")
    for system in (whole, broken):
        import_file(system, former, 2023)
    import_file(whole, data, 2024)

    calls: list[int] = []

    def stop(done: int, of: int) -> None:
        is_recording = bool(calls) and done <= max(calls)  # the rows are counted once more
        calls.append(done)
        if is_recording and done > of / 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        import_file(broken, data, 2024, progress=stop)
    report = import_file(broken, data, 2025)
    assert report.outcome == "recorded"
    assert dump_record(broken) == dump_record(whole)
    assert import_file(broken, data, 2025, 2).outcome == "seen again"


@BOTH_ENGINES
def test_two_concurrent_imports_of_a_file_record_each_row_once(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH_SIZE", 2)
    data = build_csv("2016", [row_2016(f"{n}. Pier of the north") for n in range(1, 9)])
    systems = [make_system(), make_system()]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda system: import_file(system, data, 2016), systems))
    found = execute_query(
        systems[0], "{ commitments { nodes { number history { totalCount } } } entries { totalCount } }"
    )
    assert sorted(each["number"] for each in found["commitments"]["nodes"]) == [str(n) for n in range(1, 9)]
    alone = make_system("alone")
    import_file(alone, data, 2016)
    histories = [each["history"]["totalCount"] for each in found["commitments"]["nodes"]]
    assert histories == [2] * 8
    assert dump_record(systems[1]) == dump_record(alone)


def test_a_dry_run_has_the_same_report_and_records_nothing(system: System, make_system: SystemFactory) -> None:
    data = build_csv("2016", [row_2016(Specificity="a. low", _Specificity="3"), row_2016("2. Piers")])
    context = CommandContext(actor="importer", role="publisher", time=day(1))
    dry = run.import_spreadsheet(DryRunWriter(system), "file.csv", data, context)
    real = import_file(make_system("other"), data, 2016)
    assert (count_recorded_events(dry), dry.remarks, dry.totals) == (
        count_recorded_events(real),
        real.remarks,
        real.totals,
    )
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 0


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_commitments_without_codes_have_separate_titles_in_their_plan(system: System, is_dry_run: bool) -> None:
    rows = [row_2016("1. Ferry tables"), row_2016("2. Piers of the north")]
    writer = DryRunWriter(system) if is_dry_run else LogWriter(system)
    context = CommandContext(actor="importer", role="publisher", time=day(1))
    run.import_spreadsheet(writer, "file.csv", build_csv("2016", rows), context)
    plan = writer.execute(context, lambda uow: find_action_plan(uow, "URY-2012").id).result
    titles = writer.titles_of_plan(str(plan))
    assert len(titles) == 2
    assert all(code.startswith("URY-") for code in titles)
