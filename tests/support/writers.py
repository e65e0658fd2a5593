"""Writes for tests that need many: what one process of several does, and a program that does it until it is stopped."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from msgspec import structs

from ogpgraph.application import CommandContext, Receipt, UnitOfWork
from ogpgraph.application.commands import commitments
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, Idempotency
from ogpgraph.domain.source import content_hash
from ogpgraph.importer.pages.page import read_page
from ogpgraph.importer.run import import_page
from ogpgraph.system import System, open_system

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "tests" / "importer" / "pages" / "examples" / "budget_en.txt"


def command_context(key: str | None = None) -> CommandContext:
    """An act of a test, with an idempotency key if one is given."""
    idempotency = Idempotency(key, "the same request") if key else None
    return CommandContext(
        actor="tester", role="publisher", time=datetime(2026, 1, 1, tzinfo=UTC), idempotency=idempotency
    )


def register_commitment(system: System, code: str) -> str:
    """Register a commitment with a title; returns its id."""
    facts = {"title/en": "Open the budget"}
    receipt = system.execute(
        command_context(), lambda uow: commitments.register_commitment(uow, code, title_facts(uow, facts)).id
    )
    assert receipt.result
    return receipt.result


def title_facts(uow: UnitOfWork, titles: dict[str, str]) -> Facts:
    """The facts that give a thing titles."""
    return {path: uow.text_value(title) for path, title in titles.items()}


def change_title(system: System, code: str, title: str, key: str | None = None) -> Receipt[str]:
    """Give a commitment another title; returns the receipt, whose answer is the title it had."""

    def commands(uow: UnitOfWork) -> str:
        commitment = uow.require_by_code("commitment", code)
        before = str(commitment.value("title/en"))
        commitments.revise_commitment(uow, commitment, title_facts(uow, {"title/en": title}))
        return before

    return system.execute(command_context(key), commands)


def run_writer(url: str, writer: str, codes: list[str], acknowledged: Path, limit: int | None = None) -> None:
    """Retitle commitments in turn, as often as allowed, and note each acknowledged write in a file.

    A line holds the command's key, how often it was refused for a conflict first, and the title that it replaced.
    """
    with open_system(url) as system, acknowledged.open("a") as file:
        for number in range(limit) if limit is not None else count():
            key, code, conflicts = f"{writer}-{number}", codes[number % len(codes)], 0
            while (receipt := try_change_title(system, code, key)) is None:
                conflicts += 1
            file.write(f"{key}\t{conflicts}\t{receipt.result}\n")
            file.flush()


def try_change_title(system: System, code: str, key: str) -> Receipt[str] | None:
    """Retitle a commitment; None where it is refused because others kept writing."""
    try:
        return change_title(system, code, f"Title {key}", key)
    except Conflict:
        return None


def run_writers(url: str, writers: int, codes: list[str], folder: Path, limit: int | None, *, shared: bool) -> int:
    """Write in as many processes, each on its own commitments or all on the same; returns how many of them failed.

    The processes are forked before anything is opened: what is open cannot be shared with a child.
    """
    children = []
    for number in range(writers):
        if (child := os.fork()) == 0:
            own = codes if shared else codes[number::writers]
            run_writer(url, f"{folder.name}-{number}", own, folder / str(number), limit)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def read_acknowledged(folder: Path) -> dict[str, tuple[int, str]]:
    """The acknowledged writes of processes that wrote together: key → (conflicts, the title that it replaced)."""
    files = [file for file in sorted(folder.iterdir()) if file.name.isdigit()]
    lines = [line.split("\t") for file in files for line in file.read_text().split("\n")[:-1]]
    return {key: (int(conflicts), before) for key, conflicts, before in lines}


def wait_for_writes(folder: Path, seconds: float = 60) -> None:
    """Wait until the first write of a group is acknowledged."""
    deadline = time.monotonic() + seconds
    while not any(file.stat().st_size for file in folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)


def read_imported(folder: Path) -> list[str]:
    """The hashes of the versions of a page whose import was acknowledged."""
    file = folder / "imported"
    return file.read_text().split("\n")[:-1] if file.exists() else []


def run_reader(url: str) -> None:
    """Do what a serving process does, without a network: follow, and read again and again."""
    with open_system(url) as system, system.poller.run():
        while True:
            with system.read_session() as reading:
                reading.at_head().find_by_code("commitment", "FR0000")


def run_importer(url: str, page: Path, acknowledged: Path) -> None:
    """Import a page whose title changes every time, and note the hash of each version that was recorded."""
    text = page.read_text()
    with open_system(url) as system, acknowledged.open("a") as file:
        for number in count():
            data = text.replace("Open Budgets", f"Open Budgets {acknowledged} {number}").encode()
            seen = structs.replace(command_context(), time=datetime.now(UTC))
            import_page(system, "page", data, seen, limit_bytes=10_000_000)
            file.write(content_hash(data) + "\n")
            file.flush()


class Launcher:
    """Starts groups of processes from one that has imported everything already, so that a start takes milliseconds."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.writers"]
        self._process = Popen(command, cwd=ROOT, text=True, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)

    def launch(self, *given: str) -> int:
        """Start a group; returns its id, which is that of its first process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\t".join(given) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill_round(
        self, url: str, folder: Path, codes: list[str], seconds: float
    ) -> tuple[dict[str, object], list[str]]:
        """Let three writers, a serving and an importing process work for a while, and kill all of them at once.

        Returns the writes and the imports that were acknowledged.
        """
        folder.mkdir()
        group = self.launch(url, str(folder), "3", ",".join(codes), "", "crowd")
        wait_for_writes(folder)
        time.sleep(seconds)
        os.killpg(group, signal.SIGKILL)
        return dict(read_acknowledged(folder)), read_imported(folder)

    def close(self) -> None:
        """Stop launching; groups that run go on."""
        self._process.communicate()


def start_writers(
    url: str, folder: Path, writers: int, codes: list[str], limit: int | None, *, shared: bool
) -> Popen[str]:
    """Start a program of its own that writes together, in a process group of its own."""
    folder.mkdir(exist_ok=True)
    given = [url, str(folder), str(writers), ",".join(codes), str(limit or ""), "shared" if shared else "own"]
    command = [sys.executable, "-m", "tests.support.writers", *given]
    return Popen(command, cwd=ROOT, start_new_session=True, text=True, stderr=PIPE)


def run_command(url: str, folder: str, writers: str, codes: str, limit: str, how: str) -> int:
    """Write together as the words of a command line say; `crowd` adds a serving and an importing process."""
    if how == "crowd":
        if os.fork() == 0:
            run_reader(url)
        if os.fork() == 0:
            run_importer(url, PAGE, Path(folder) / "imported")
    most = int(limit) if limit else None
    return run_writers(url, int(writers), codes.split(","), Path(folder), most, shared=how != "own")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(run_command(*sys.argv[1:]))
    read_page(PAGE.read_bytes(), limit_bytes=PAGE.stat().st_size)  # what a reader learns first is learnt once
    for line in sys.stdin:
        if (group := os.fork()) == 0:
            os.setsid()
            os._exit(run_command(*line.rstrip("\n").split("\t")))
        print(group, flush=True)  # noqa: T201 - it is told to who asked for it
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
