"""Writing processes: what each of several does, and a program that runs groups of them until they are killed.

`python -m tests.support.writers` is that program. Without arguments it imports everything once and forks a group for
each line of its standard input, so a group starts within milliseconds (see `Launcher`).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from msgspec import structs

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, Idempotency
from ogpgraph.domain.source import content_hash
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.importer.pages.page import read_page
from ogpgraph.importer.run import import_page
from ogpgraph.system import System, open_system

ROOT = Path(__file__).parent.parent.parent
THREADS = 3
"""The threads of each writer that is killed."""
PAGE = ROOT / "tests" / "importer" / "pages" / "examples" / "budget_en.txt"


def command_context(key: str | None = None) -> CommandContext:
    """Return the context of a command, with an idempotency key if one is given."""
    idempotency = Idempotency(key, "the same request") if key else None
    return CommandContext(
        actor="tester", role="publisher", time=datetime(2026, 1, 1, tzinfo=UTC), idempotency=idempotency
    )


def register_commitment(system: System, code: str) -> str:
    """Register a commitment with a title; returns its id."""
    facts = {"title/en": "Open the budget"}
    receipt = system.execute(
        command_context(), lambda uow: commitment_commands.register_commitment(uow, code, title_facts(uow, facts)).id
    )
    assert receipt.result
    return receipt.result


def title_facts(uow: UnitOfWork, titles: dict[str, str]) -> Facts:
    """Return the facts of titles, given as path → text."""
    return {path: uow.text_value(title) for path, title in titles.items()}


def change_title(system: System, code: str, title: str, key: str | None = None) -> Receipt[str]:
    """Change the title of a commitment; the result in the receipt is its former title, as stored."""

    def commands(uow: UnitOfWork) -> str:
        commitment = uow.require_by_code("commitment", code)
        before = str(commitment.value("title/en"))
        commitment_commands.revise_commitment(uow, commitment, title_facts(uow, {"title/en": title}))
        return before

    return system.execute(command_context(key), commands)


def run_writer(
    url: str, writer: str, codes: list[str], acknowledged: Path, limit: int | None = None, threads: int = 1
) -> None:
    """Change the titles of commitments in several threads of one system, each up to a limit."""
    with open_system(url) as system, ThreadPoolExecutor(threads) as pool:
        running = [
            pool.submit(write_titles, system, f"{writer}.{number}", codes, acknowledged, limit)
            for number in range(threads)
        ]
        for each in running:
            each.result()


def write_titles(system: System, writer: str, codes: list[str], acknowledged: Path, limit: int | None) -> None:
    """Change the titles of commitments in turn, up to a limit, and append each acknowledged write to a file.

    A line contains the idempotency key, the number of conflicts before, and the title it replaced, as stored.
    """
    with acknowledged.open("a") as file:
        for number in range(limit) if limit is not None else count():
            key, code, conflicts = f"{writer}-{number}", codes[number % len(codes)], 0
            while (receipt := try_change_title(system, code, key)) is None:
                conflicts += 1
            file.write(f"{key}\t{conflicts}\t{receipt.result}\n")
            file.flush()


def try_change_title(system: System, code: str, key: str) -> Receipt[str] | None:
    """Change a title; returns None if the command is refused for a conflict with other writers."""
    try:
        return change_title(system, code, f"Title {key}", key)
    except Conflict:
        return None


def run_writers(
    url: str, writers: int, codes: list[str], folder: Path, limit: int | None, *, shared: bool, threads: int = 1
) -> int:
    """Run `run_writer` in several processes, on the same commitments or on some each; returns how many failed.

    They are forked before a database is opened, because a child must not use a connection of its parent.
    """
    children = []
    for number in range(writers):
        if (child := os.fork()) == 0:
            own = codes if shared else codes[number::writers]
            run_writer(url, f"{folder.name}-{number}", own, folder / str(number), limit, threads)
            os._exit(0)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def read_acknowledged(folder: Path) -> dict[str, tuple[int, str]]:
    """Return the acknowledged writes of a group: key → (number of conflicts, the title it replaced)."""
    files = [file for file in sorted(folder.iterdir()) if file.name.isdigit()]
    lines = [line.split("\t") for file in files for line in file.read_text().split("\n")[:-1]]
    return {key: (int(conflicts), before) for key, conflicts, before in lines}


def wait_for_writes(folder: Path, seconds: float = 60) -> None:
    """Wait until the first write of a group is acknowledged."""
    deadline = time.monotonic() + seconds
    while not any(file.stat().st_size for file in folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)


def read_imported(folder: Path) -> list[str]:
    """Return the content hashes of the page versions whose import was acknowledged."""
    file = folder / "imported"
    return file.read_text().split("\n")[:-1] if file.exists() else []


def run_reader(url: str) -> None:
    """Do what a serving process does, without a network: project events and read, forever."""
    with open_system(url) as system, system.poller.run():
        while True:
            with system.read_session() as reading:
                reading.at_head().find_by_code("commitment", "FR0000")


def run_importer(url: str, page: Path, acknowledged: Path) -> None:
    """Import a page with another title each time, forever, and append the hash of each recorded version to a file."""
    text = page.read_text()
    with open_system(url) as system, acknowledged.open("a") as file:
        for number in count():
            data = text.replace("Open Budgets", f"Open Budgets {acknowledged} {number}").encode()
            context = structs.replace(command_context(), time=datetime.now(UTC))
            import_page(system, "page", data, context, limit_bytes=10_000_000)
            file.write(content_hash(data) + "\n")
            file.flush()


class Launcher:
    """Starts groups of processes from a program that has imported everything already."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.writers"]
        self._process = Popen(command, cwd=ROOT, text=True, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)

    def launch(self, *arguments: str) -> int:
        """Start a group with the arguments of `run_group`; returns its process group id."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\t".join(arguments) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill_round(
        self, url: str, folder: Path, codes: list[str], seconds: float
    ) -> tuple[dict[str, object], list[str]]:
        """Run three writers, a serving and an importing process for some seconds, and kill all of them at once.

        Returns the acknowledged writes, and the content hashes of the acknowledged imports.
        """
        folder.mkdir()
        group = self.launch(url, str(folder), "3", ",".join(codes), "", "mixed")
        wait_for_writes(folder)
        time.sleep(seconds)
        os.killpg(group, signal.SIGKILL)
        return dict(read_acknowledged(folder)), read_imported(folder)

    def close(self) -> None:
        """End the program; groups that are running continue."""
        self._process.communicate()


def start_writers(
    url: str, folder: Path, writers: int, codes: list[str], limit: int | None, *, shared: bool
) -> Popen[str]:
    """Start writers as a program of its own, in a process group of its own."""
    folder.mkdir(exist_ok=True)
    arguments = [url, str(folder), str(writers), ",".join(codes), str(limit or ""), "shared" if shared else "own"]
    command = [sys.executable, "-m", "tests.support.writers", *arguments]
    return Popen(command, cwd=ROOT, start_new_session=True, text=True, stderr=PIPE)


def run_group(url: str, folder: str, writers: str, codes: str, limit: str, mode: str) -> int:
    """Run writers on the same commitments (`shared`, `mixed`) or on some each (`own`); returns how many failed.

    `mixed` adds a serving and an importing process, and each writer has several threads, whose commands are saved in
    groups. The arguments are those of a command line.
    """
    if mode == "mixed":
        if os.fork() == 0:
            run_reader(url)
        if os.fork() == 0:
            run_importer(url, PAGE, Path(folder) / "imported")
    max_writes = int(limit) if limit else None
    threads = THREADS if mode == "mixed" else 1
    return run_writers(
        url, int(writers), codes.split(","), Path(folder), max_writes, shared=mode != "own", threads=threads
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(run_group(*sys.argv[1:]))
    read_page(
        PAGE.read_bytes(), limit_bytes=PAGE.stat().st_size
    )  # loads the tables of the page reader, once for all groups
    for line in sys.stdin:
        if (group := os.fork()) == 0:
            os.setsid()
            os._exit(run_group(*line.rstrip("\n").split("\t")))
        print(group, flush=True)  # noqa: T201 - the answer to the launcher
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
