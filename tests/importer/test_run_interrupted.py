"""An import that is killed and repeated, or run twice concurrently, has the same result as one that ran once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ogpgraph.importer.run import import_files
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory
from tests.graphql.client import dump_state
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, LIMIT, Page, Sibling, importer_context

pytestmark = pytest.mark.slow

NUMBERS = range(1, 13)
LIST = tuple(Sibling(f"PE08{number:02}", f"Ferry {number}") for number in NUMBERS)
FERRIES = Page(country="Peru", plan="Peru Action Plan 2018-2020", siblings=LIST)
OBSERVED = "2021-03-01"
TIMEOUT_SECONDS = 120


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in NUMBERS:
        page = FERRIES.with_changes(
            code=f"PE08{number:02}", title=f"Ferry {number}", description=f"Sail {number} times."
        )
        (folder / f"{number:02}.txt").write_bytes(page.data)
    return [*sorted(folder.iterdir()), LIGHTHOUSE, LIBRARIES]


@pytest.fixture
def single_run(make_system: SystemFactory, files: list[Path]) -> System:
    system = make_system("single_run")
    reports = import_files(system, files, importer_context(), limit_bytes=LIMIT)
    assert not [report for report in reports if report.problem]
    return system


def start_import(url: str, files: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start an import in another process."""
    command = "from ogpgraph.cli import main; main()"
    arguments = ["import", *map(str, files), "--observed", OBSERVED, "--database", url, "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )


def wait_for_success(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, errors.decode()


def count_events(system: System) -> Counter[str]:
    with system.database.read() as transaction:
        return Counter(row["topic"] for row in transaction.fetch_all("select topic from event"))


def kill_at(system: System, url: str, files: Sequence[Path], events: int) -> bool:
    """Kill an import as soon as the log has so many events; return whether it was still running."""
    process = start_import(url, files)
    end = time.monotonic() + TIMEOUT_SECONDS
    while count_events(system).total() < events and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT_SECONDS)
    return was_running


@pytest.mark.long
def test_an_import_killed_repeatedly_and_repeated_has_the_result_of_a_single_run(
    make_system: SystemFactory, new_database: DatabaseFactory, files: list[Path], single_run: System
) -> None:
    system, url = make_system("killed"), new_database("killed")
    whole = count_events(single_run)
    for tenths in (1, 4, 7):
        assert kill_at(system, url, files, whole.total() * tenths // 10), "it had ended before it was killed"
    assert count_events(system).total() < whole.total()
    wait_for_success(start_import(url, files))
    assert count_events(system) == whole
    assert dump_state(system) == dump_state(single_run)
    digest = system.digest()
    system.rebuild()
    assert system.digest() == digest


@BOTH_ENGINES
def test_two_concurrent_imports_of_the_same_files_record_nothing_twice(
    make_system: SystemFactory, new_database: DatabaseFactory, files: list[Path], single_run: System
) -> None:
    system, url = make_system("twice"), new_database("twice")
    both = start_import(url, files), start_import(url, files[::-1])
    for process in both:
        wait_for_success(process)
    for name in ("SourceRegistered.1", "CommitmentRegistered.1", "MemberRegistered.1", "CodeAssigned.1"):
        assert count_events(system)[name] == count_events(single_run)[name]
    assert _without_first_sources(system) == _without_first_sources(single_run)


def _without_first_sources(system: System) -> dict[str, Any]:
    """Return the state without the sources of members and plans: they depend on which page was imported first."""
    state = dump_state(system)
    for each in state.values():
        if "milestones" not in each:
            del each["sources"]
    return state


def test_a_repeated_import_records_nothing(
    single_run: System, new_database: DatabaseFactory, files: list[Path]
) -> None:
    before = count_events(single_run)
    wait_for_success(start_import(new_database("single_run"), files))
    assert count_events(single_run) == before
