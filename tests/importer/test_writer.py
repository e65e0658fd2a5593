"""While the follower stands still, nothing is decided by what it does not show: that is refused, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogpgraph.application import CommandContext
from ogpgraph.domain.errors import Conflict
from ogpgraph.importer.run import import_files
from ogpgraph.importer.writer import revert_import
from ogpgraph.storage.event_log import StoredEvent
from ogpgraph.system import System
from tests.graphql.mutations.client import SampleSystem
from tests.importer.sample_pages import Page, day
from tests.importer.spreadsheets.spreadsheet_files import build_csv, row_2016

STOPPED = r"not everything recorded is visible: the projection stopped: event \d+ \(code-plan-XXX"
LIMIT = 100_000


def act(on: int, correlation: str | None = None) -> CommandContext:
    return CommandContext(actor="importer", role="publisher", time=day(on), correlation=correlation)


def stop(system: System) -> None:
    """Append an event that the follower cannot follow."""
    event = StoredEvent("code-plan-XXX", 1, "CodeRetired.1", b"{}")
    system.log.append([event], texts={}, command="a program of the future")


def imported(system: System, file: Path, data: bytes, on: int, correlation: str, *, dry_run: bool = False) -> str:
    """What an import of one file was refused for, empty where it was not."""
    file.write_bytes(data)
    (report,) = import_files(system, [file], act(on, correlation), limit_bytes=LIMIT, dry_run=dry_run)
    return report.problem


def test_an_import_of_which_not_all_is_seen_is_not_taken_back(system: System, tmp_path: Path) -> None:
    assert imported(system, tmp_path / "a.txt", Page("UY0901").data, 1, "wrong") == ""
    stop(system)
    assert imported(system, tmp_path / "b.txt", Page("UY0902").data, 1, "wrong") == ""
    head = system.log.max_notification_id()
    with pytest.raises(Conflict, match=STOPPED):
        revert_import(system, "wrong", act(2))
    assert system.log.max_notification_id() == head


def test_nor_is_it_by_the_mutation(system: System, tmp_path: Path) -> None:
    world = SampleSystem(system)
    assert imported(system, tmp_path / "a.txt", Page("UY0901").data, 1, "wrong") == ""
    stop(system)
    assert imported(system, tmp_path / "b.txt", Page("UY0902").data, 1, "wrong") == ""
    head = system.log.max_notification_id()
    payload = world.admin.send("revertImport", "errors { code message }", correlationId="wrong", reason="it was wrong")
    ((code, message),) = [(error["code"], error["message"]) for error in payload["errors"]]
    assert (code, "the projection stopped: event" in message) == ("CONFLICT", True)
    assert world.reporter.expect_refusal("revertImport", correlationId="wrong", reason="it was wrong")[0] == "FORBIDDEN"
    assert system.log.max_notification_id() == head


@pytest.mark.parametrize("dry_run", [True, False])
def test_rows_are_not_matched_by_title_with_part_of_what_is_recorded(
    system: System, tmp_path: Path, dry_run: bool
) -> None:
    stop(system)
    assert imported(system, tmp_path / "a.txt", Page("UY0901").data, 1, "page") == ""
    head = system.log.max_notification_id()
    problem = imported(system, tmp_path / "a.csv", build_csv("2016", [row_2016()]), 2, "rows", dry_run=dry_run)
    assert "not everything recorded is visible: the projection stopped: event" in problem
    assert system.log.max_notification_id() == head
