"""An import that is killed and run again, or run twice at once, ends as one that ran once and undisturbed."""

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

from ogpgraph.application import CommandContext
from ogpgraph.importer.run import import_files
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory
from tests.graphql.client import dump_state
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, LIMIT, Page, Sibling, day

NUMBERS = range(1, 13)
LIST = tuple(Sibling(f"PE08{number:02}", f"Ferry {number}") for number in NUMBERS)
FERRIES = Page(country="Peru", plan="Peru Action Plan 2018-2020", siblings=LIST)
OBSERVED = "2021-03-01"
PATIENCE_SECONDS = 120


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
def undisturbed(make_system: SystemFactory, files: list[Path]) -> System:
    system = make_system("undisturbed")
    act = CommandContext(actor="importer", role="publisher", time=day(1))
    assert not [report for report in import_files(system, files, act, limit_bytes=LIMIT) if report.problem]
    return system


def importing(url: str, files: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start an import in a process of its own."""
    command = "from ogpgraph.cli import main; main()"
    arguments = ["import", *map(str, files), "--observed", OBSERVED, "--database", url, "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )


def ends_well(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors.decode()


def events_in(system: System) -> Counter[str]:
    with system.database.read() as transaction:
        return Counter(row["topic"] for row in transaction.fetch_all("select topic from event"))


def killed_at(system: System, url: str, files: Sequence[Path], events: int) -> bool:
    """Kill an import without warning as soon as the log has so many events; tell whether it was still at work."""
    process = importing(url, files)
    end = time.monotonic() + PATIENCE_SECONDS
    while events_in(system).total() < events and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_SECONDS)
    return at_work


def test_killed_again_and_again_and_run_once_more_it_ends_as_if_nothing_had_been(
    make_system: SystemFactory, new_database: DatabaseFactory, files: list[Path], undisturbed: System
) -> None:
    system, url = make_system("killed"), new_database("killed")
    whole = events_in(undisturbed)
    for tenths in (1, 4, 7):
        assert killed_at(system, url, files, whole.total() * tenths // 10), "it was done before it could be killed"
    assert events_in(system).total() < whole.total()
    ends_well(importing(url, files))
    assert events_in(system) == whole
    assert dump_state(system) == dump_state(undisturbed)
    digest = system.digest()
    system.rebuild()
    assert system.digest() == digest


@BOTH_ENGINES
def test_two_imports_of_the_same_files_at_once_double_nothing(
    make_system: SystemFactory, new_database: DatabaseFactory, files: list[Path], undisturbed: System
) -> None:
    system, url = make_system("twice"), new_database("twice")
    both = importing(url, files), importing(url, files[::-1])
    for process in both:
        ends_well(process)
    for name in ("SourceRegistered.1", "CommitmentRegistered.1", "MemberRegistered.1", "CodeAssigned.1"):
        assert events_in(system)[name] == events_in(undisturbed)[name]
    assert _without_first_speakers(system) == _without_first_speakers(undisturbed)


def _without_first_speakers(system: System) -> dict[str, Any]:
    """Return the present but for which of its pages was the first to tell of a member or a plan."""
    state = dump_state(system)
    for each in state.values():
        if "milestones" not in each:
            del each["sources"]
    return state


def test_an_import_that_is_over_can_be_run_again_and_records_nothing(
    undisturbed: System, new_database: DatabaseFactory, files: list[Path]
) -> None:
    before = events_in(undisturbed)
    ends_well(importing(new_database("undisturbed"), files))
    assert events_in(undisturbed) == before
