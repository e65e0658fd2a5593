from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from ogpgraph.domain.errors import Conflict, NotFound
from ogpgraph.importer.run import import_files
from ogpgraph.importer.writer import revert_import
from ogpgraph.system import System
from tests.graphql.client import dump_state, execute_query
from tests.graphql.mutations.client import SampleSystem
from tests.importer.sample_pages import (
    FERRIES,
    LIBRARIES,
    LIGHTHOUSE,
    LIMIT,
    Page,
    Sibling,
    import_sample_page,
    importer_context,
    write_pages,
)
from tests.importer.spreadsheets.spreadsheet_files import build_csv, row_2016, row_2024

STOPPED = r"not everything recorded is visible: the projection stopped: event \d+ \(code-plan-XXX"


def dump_tables(system: System) -> list[tuple[Any, ...]]:
    tables = ("event", "stored_text", "entry", "version", "tag", "log")
    with system.database.read() as transaction:
        return [tuple(row) for table in tables for row in transaction.fetch_all(f"select * from {table}")]


class TestDryRun:
    PAGES = (
        FERRIES.with_changes(siblings=[Sibling("UY0902", "Trams")]),
        FERRIES.with_changes(code="UY0902", title="Trams", siblings=[Sibling("UY0901", "Ferry Tables")]),
        FERRIES.with_changes(code="UY0105"),
    )

    def test_its_reports_are_those_of_an_import(self, system: System, tmp_path: Path) -> None:
        files = [*write_pages(tmp_path, *self.PAGES), LIGHTHOUSE, LIBRARIES, tmp_path / "none.txt"]
        dry = list(import_files(system, files, importer_context(), limit_bytes=LIMIT, dry_run=True))
        assert [replace(each, changes=()) for each in dry] == list(
            import_files(system, files, importer_context(), limit_bytes=LIMIT)
        )
        assert [each.outcome for each in dry] == ["recorded"] * 5 + ["refused"]
        assert dry[2].warnings[0].kind == "code-reissued"

    def test_it_writes_nothing(self, system: System, tmp_path: Path) -> None:
        import_sample_page(system, FERRIES.with_changes(status="Inactive"))
        before = dump_tables(system)
        list(
            import_files(
                system, write_pages(tmp_path, *self.PAGES), importer_context(2), limit_bytes=LIMIT, dry_run=True
            )
        )
        assert dump_tables(system) == before

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_page_is_of_a_member_that_a_file_before_it_registers(
        self, system: System, tmp_path: Path, *, dry_run: bool
    ) -> None:
        listed, page = tmp_path / "list.csv", tmp_path / "page.txt"
        new_member = row_2024("QX0001", Country_Locality="Ruritania", Code="QXX")
        listed.write_bytes(build_csv("2024", [new_member]))
        page.write_bytes(FERRIES.with_changes(code="QX0002", country="Ruritania", plan="Ruritania Plan 2018").data)
        reports = import_files(system, [listed, page], importer_context(), limit_bytes=LIMIT, dry_run=dry_run)
        assert [each.problem for each in reports] == ["", ""]


class TestRevert:
    def test_a_reverted_import_is_gone_from_the_present_and_readable_in_the_past(
        self, system: System, tmp_path: Path
    ) -> None:
        import_sample_page(system, FERRIES, 1)
        before = dump_state(system)
        bad_files = write_pages(
            tmp_path,
            FERRIES.with_changes(status="Inactive", lead=None),
            FERRIES.with_changes(code="UY0902", title="Trams"),
        )
        list(import_files(system, bad_files, importer_context(2, "bad"), limit_bytes=LIMIT))
        during = execute_query(system, "{ meta { position } }")["meta"]["position"]
        assert revert_import(system, "bad", importer_context(3)) > 0
        after = {code: state for code, state in dump_state(system).items() if state["values"]}
        assert {code: state["values"] for code, state in after.items()} == {
            code: state["values"] for code, state in before.items()
        }
        then = execute_query(
            system, 'query ($p: Position!) { at(position: $p) { commitment(code: "UY0901") { status } } }', p=during
        )
        assert then["at"]["commitment"]["status"] == "INACTIVE"
        assert execute_query(system, '{ commitment(code: "UY0902") { code } }')["commitment"] is None

    def test_a_reverted_import_can_be_repeated(self, system: System, tmp_path: Path) -> None:
        files = write_pages(tmp_path, FERRIES)
        list(import_files(system, files, importer_context(1, "bad"), limit_bytes=LIMIT))
        before = dump_state(system)["UY0901"]["values"]
        revert_import(system, "bad", importer_context(2))
        list(import_files(system, files, importer_context(3), limit_bytes=LIMIT))
        assert dump_state(system)["UY0901"]["values"] == before

    def test_an_unknown_correlation_cannot_be_reverted(self, system: System) -> None:
        with pytest.raises(NotFound, match="nothing was recorded under nothing-such"):
            revert_import(system, "nothing-such", importer_context())


class TestStoppedProjection:
    """While the projection is stopped, decisions that depend on rows that it lacks are refused."""

    @staticmethod
    def stop_projection(system: System) -> None:
        """Append an event that this version cannot project."""
        event = StoredEvent("code-plan-XXX", 1, "CodeRetired.1", b"{}")
        system.log.append([event], texts={}, command="a later version")

    @staticmethod
    def import_data(
        system: System, file: Path, data: bytes, on: int, correlation: str, *, dry_run: bool = False
    ) -> str:
        """Import one file, and return the reason for which it was refused, empty where it was not."""
        file.write_bytes(data)
        context = importer_context(on, correlation)
        (report,) = import_files(system, [file], context, limit_bytes=LIMIT, dry_run=dry_run)
        return report.problem

    def test_an_import_is_not_reverted(self, system: System, tmp_path: Path) -> None:
        assert self.import_data(system, tmp_path / "a.txt", Page("UY0901").data, 1, "wrong") == ""
        self.stop_projection(system)
        assert self.import_data(system, tmp_path / "b.txt", Page("UY0902").data, 1, "wrong") == ""
        head = system.log.max_notification_id()
        with pytest.raises(Conflict, match=STOPPED):
            revert_import(system, "wrong", importer_context(2))
        assert system.log.max_notification_id() == head

    def test_an_import_is_not_reverted_by_the_mutation(self, system: System, tmp_path: Path) -> None:
        sample = SampleSystem(system)
        assert self.import_data(system, tmp_path / "a.txt", Page("UY0901").data, 1, "wrong") == ""
        self.stop_projection(system)
        assert self.import_data(system, tmp_path / "b.txt", Page("UY0902").data, 1, "wrong") == ""
        head = system.log.max_notification_id()
        arguments = {"correlationId": "wrong", "reason": "it was wrong"}
        payload = sample.admin.send("revertImport", "errors { code message }", **arguments)
        ((code, message),) = [(error["code"], error["message"]) for error in payload["errors"]]
        assert (code, "the projection stopped: event" in message) == ("CONFLICT", True)
        assert sample.reporter.expect_refusal("revertImport", **arguments)[0] == "FORBIDDEN"
        assert system.log.max_notification_id() == head

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_rows_are_not_matched_by_title(self, system: System, tmp_path: Path, dry_run: bool) -> None:
        self.stop_projection(system)
        assert self.import_data(system, tmp_path / "a.txt", Page("UY0901").data, 1, "page") == ""
        head = system.log.max_notification_id()
        rows = build_csv("2016", [row_2016()])
        problem = self.import_data(system, tmp_path / "a.csv", rows, 2, "rows", dry_run=dry_run)
        assert "not everything recorded is visible: the projection stopped: event" in problem
        assert system.log.max_notification_id() == head
