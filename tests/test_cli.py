"""The command line: what each command says, to whom, with which exit code."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from ogpgraph import cli
from ogpgraph.graphql.schema import build_schema, print_sdl
from ogpgraph.system import migrate, open_system
from tests.graphql.client import dump_state, execute_query
from tests.importer.pages_import.sample_pages import LIBRARIES, LIGHTHOUSE, Page

COMMANDS = ["migrate", "import", "serve", "demo", "rebuild", "schema"]
START = "from ogpgraph.cli import main; main()"
SLOW = {"strawberry", "graphql", "starlette", "uvicorn", "eventsourcing"}
"""What takes long to import, and tells nothing of a command's options."""


class Told:
    """What a command said and the code it ended with."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


Run = Callable[..., Told]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Run a command in this process, in an empty folder, as `main` runs it."""
    handlers, level = list(logging.root.handlers), logging.root.level
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in [name for name in os.environ if name.startswith("OGPGRAPH_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object) -> Told:
        monkeypatch.setattr(sys, "argv", ["ogpgraph", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return Told(int(code or 0), told.out, told.err)

    yield run
    logging.root.handlers[:] = handlers  # a command logs to its own standard error
    logging.root.setLevel(level)
    structlog.reset_defaults()


@contextmanager
def process(*arguments: object, folder: Path, start: str = START) -> Iterator[subprocess.Popen[str]]:
    """Run a command as a process of its own; it is killed if the test leaves it alive."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OGPGRAPH_")}
    started = subprocess.Popen(
        [sys.executable, "-c", start, *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something holds; returns what it gave."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if found := holds():
            return found
        time.sleep(0.05)
    raise TimeoutError


# --------------------------------------------------------------------------------------------------------------- help


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").out == f"ogpgraph {version('ogpgraph')}\n"


def test_brackets_in_what_is_told_are_told_as_they_are(run: Run, tmp_path: Path) -> None:
    assert "[/x]" in run("revert", "[/x] [abc] def", "--reason", "y").err
    assert "[abc] def" in run("revert", "[/x] [abc] def", "--reason", "y").err
    (tmp_path / "[bold].txt").write_text("nothing that could be read")
    assert "[bold].txt" in run("import", str(tmp_path / "[bold].txt")).err


def test_without_a_command_the_help_lists_all_of_them(run: Run) -> None:
    told = run()
    assert told.code == 2
    listed = told.out + told.err
    assert all(re.search(rf"^\W*{command} ", listed, re.MULTILINE) for command in COMMANDS)
    assert "every change an event" in listed


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_what_it_does_and_what_each_option_means(run: Run, command: str) -> None:
    told = run(command, "--help")
    assert (told.code, told.err) == (0, "")
    options = re.findall(r"^│ (?:\* +)?(--[\w-]+|[A-Z|.]+) +(.*?) *│$", told.out, re.MULTILINE)
    assert options
    for option, rest in options:
        meaning = re.sub(r"<[^>]*>|\[[^]]*\]", "", rest).strip()
        assert len(meaning) > 10, f"{command} {option} is not explained"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command"),
        (["import"], "Missing argument"),
        (["import", "--observed", "yesterday", "x"], "yesterday is no day or time such as 2021-05-04"),
        (["import", "--observed", "2999-01-01", "x"], "2999-01-01 has not come yet"),
        (["serve", "--port", "99999"], "65535"),
        (["serve", "--port", "http"], "'--port'"),
        (["schema", "--nonsense"], "No such option"),
    ],
)
def test_a_command_that_is_not_understood_ends_with_2_and_records_nothing(
    run: Run, tmp_path: Path, arguments: list[str], says: str
) -> None:
    told = run(*arguments)
    assert (told.code, told.out) == (2, "")
    assert says in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["follow", "--help"], ["account", "create", "--help"], ["serve", "--nonsense"]],
    ids=" ".join,
)
def test_help_and_a_wrong_option_load_neither_server_nor_schema_nor_log(tmp_path: Path, arguments: list[str]) -> None:
    start = f"import atexit, sys; atexit.register(lambda: print('loaded:', *{SLOW} & sys.modules.keys())); {START}"
    with process(*arguments, folder=tmp_path, start=start) as telling:
        out, err = telling.communicate(timeout=60)
    told, _, loaded = out.rpartition("loaded:")
    assert "Usage: " in told + err
    assert loaded.split() == []


# ----------------------------------------------------------------------------------------------------------- database


def not_a_database(folder: Path) -> str:
    (folder / "notes.txt").write_text("These are my notes, and they are long enough to be read as a header.")
    return "sqlite:///notes.txt"


def a_folder(folder: Path) -> str:
    (folder / "folder").mkdir()
    return "sqlite:///folder"


@pytest.mark.parametrize("command", ["migrate", "rebuild", "serve", "import"])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        (lambda _: "sqlite:///no/such/log.db", "there is no folder"),
        (lambda _: "mysql://user:secret@host/log", "sqlite:/// or postgresql://"),
        (lambda _: "log.db", "sqlite:/// or postgresql://"),
        (a_folder, "folder"),
        (not_a_database, "not a database"),
    ],
    ids=["no folder", "another engine", "no URL", "a folder", "no database"],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(
    run: Run, tmp_path: Path, command: str, url: Callable[[Path], str], says: str
) -> None:
    told = run(command, "--database", url(tmp_path), *([LIGHTHOUSE] if command == "import" else []))
    assert (told.code, told.out) == (1, "")
    assert says in told.err
    assert "secret" not in told.err
    assert told.err.count("\n") == 1
    assert "Traceback" not in told.err


def test_settings_that_are_wrong_are_told_line_by_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OGPGRAPH_PROT", "1")
    monkeypatch.setenv("OGPGRAPH_PORT", "http")
    told = run("migrate")
    assert (told.code, told.out) == (1, "")
    assert "did you mean OGPGRAPH_PORT?" in told.err
    assert "OGPGRAPH_PORT must be a whole number" in told.err


def test_migrate_can_be_run_again(run: Run, tmp_path: Path) -> None:
    for _ in range(2):
        told = run("migrate", "--database", "sqlite:///log.db")
        assert (told.code, told.out, told.err) == (0, "sqlite:///log.db is ready\n", "")
    assert (tmp_path / "log.db").exists()


def test_the_option_stands_over_the_environment_and_that_over_the_default(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sqlite:///ogpgraph.db" in run("migrate").out
    monkeypatch.setenv("OGPGRAPH_DATABASE", "sqlite:///other.db")
    assert "sqlite:///other.db" in run("migrate").out
    assert "sqlite:///given.db" in run("migrate", "--database", "sqlite:///given.db").out


# ------------------------------------------------------------------------------------------------------------- import


def test_import_reports_each_file_and_ends_with_0(run: Run) -> None:
    told = run("import", "--observed", "2021-05-04", LIGHTHOUSE, LIBRARIES)
    assert (told.code, told.err) == (0, "")
    assert "UY0901" in told.out
    assert "UY0902" in told.out
    again = run("import", "--observed", "2021-05-05", LIGHTHOUSE)
    assert again.code == 0
    assert "seen again" in again.out
    with open_system("sqlite:///ogpgraph.db") as system:
        assert dump_state(system)["UY0901"]["lastObservedAt"] == "2021-05-05T00:00:00.000000Z"


def test_a_file_that_cannot_be_read_is_one_line_with_file_and_reason_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    (tmp_path / "[bold]odd.txt").write_text("nothing")
    told = run("import", "gone.txt", "binary.txt", ".", "[bold]odd.txt", LIGHTHOUSE)
    assert told.code == 1
    assert told.err.splitlines() == [
        "gone.txt: No such file or directory",
        "binary.txt: not text: it holds zero bytes",
        ".: this is a folder, not a page",
        "[bold]odd.txt: not a commitment page: no title line that ends in a code such as (FR0043), and no labels",
    ]
    with open_system("sqlite:///ogpgraph.db") as system:
        assert dump_state(system)["UY0901"]["values"]["title/en"] == "Open Lighthouse Hours"


def test_a_dry_run_records_nothing(run: Run, tmp_path: Path) -> None:
    told = run("import", "--dry-run", LIGHTHOUSE)
    assert told.code == 0
    assert "UY0901" in told.out
    assert not (tmp_path / "ogpgraph.db").exists()


def test_import_can_be_read_by_programs(run: Run) -> None:
    told = run("import", "--json", LIGHTHOUSE, "gone.txt")
    assert told.code == 1
    assert json.loads(told.out)
    assert told.err == "gone.txt: No such file or directory\n"


def test_ctrl_c_leaves_whole_pages_and_tells_what_was_done(tmp_path: Path) -> None:
    files = [tmp_path / f"{number:03}.txt" for number in range(200)]
    for number, file in enumerate(files):
        file.write_bytes(Page(f"UY{number:04}").data)
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)

    def recorded() -> int:
        with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
            return int(connection.execute("select count(distinct save) from event").fetchone()[0])

    with process("import", "--observed", "2021-03-01", "--database", url, *files, folder=tmp_path) as importing:
        until(lambda: recorded() > 2)
        importing.send_signal(signal.SIGINT)
        out, err = importing.communicate(timeout=60)
    done = recorded()
    assert importing.returncode == 130
    told = re.fullmatch(r"interrupted after (\d+) of 200 files: each is recorded whole or not at all\n", err)
    assert told
    assert int(told[1]) in (done - 1, done), "the last may be recorded without being reported"
    assert "UY0000" in out
    with open_system(url) as system:
        found = execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"]
        assert found == done < 200
        before = [node["values"] for code, node in dump_state(system).items() if code.startswith("UY0")]
        assert {len(values) for values in before} == {len(before[0])}, "each page is recorded with all it says"
        digest = system.digest()
        system.rebuild()
        assert system.digest() == digest


# ---------------------------------------------------------------------------------------------------- rebuild, schema


def test_rebuild_comes_out_the_same_and_says_so(run: Run) -> None:
    run("import", LIGHTHOUSE, LIBRARIES)
    told = [run("rebuild") for _ in range(2)]
    assert [each.code for each in told] == [0, 0]
    found = re.fullmatch(r"position (\d+), digest ([0-9a-f]{64}) \(identical\)\n", told[0].out)
    assert found
    assert int(found[1]) > 50
    assert told[1].out == told[0].out


def test_rebuild_mends_a_read_model_that_was_tampered_with_and_says_so(run: Run, tmp_path: Path) -> None:
    run("import", LIGHTHOUSE)
    whole = run("rebuild").out
    with closing(sqlite3.connect(tmp_path / "ogpgraph.db")) as connection, connection:
        connection.execute("update version set code = 'XX0001'")
    told = run("rebuild")
    assert told.code == 0
    assert "it was" in told.out
    assert run("rebuild").out == whole


def test_schema_prints_what_is_published(run: Run) -> None:
    told = run("schema")
    assert (told.code, told.err) == (0, "")
    assert told.out == print_sdl(build_schema())


def test_schema_writes_its_files(run: Run, tmp_path: Path) -> None:
    told = run("schema", "--write")
    assert (told.code, told.out) == (0, "")
    assert (tmp_path / "schema" / "ogpgraph.graphql").read_text() == print_sdl(build_schema())


def test_output_that_nobody_reads_is_no_failure(tmp_path: Path) -> None:
    with process("schema", folder=tmp_path) as printing:
        assert printing.stdout
        printing.stdout.readline()
        printing.stdout.close()
        printing.wait(timeout=60)
        assert printing.stderr
        assert "Traceback" not in printing.stderr.read()


# -------------------------------------------------------------------------------------------------------------- serve


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def answer_of(port: int) -> httpx.Response | None:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ meta { position } }"})
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_serve_answers_and_stops_in_time_with_0(tmp_path: Path, stop: signal.Signals) -> None:
    port = free_port()
    with process("serve", "--port", port, folder=tmp_path) as serving:
        answer = until(lambda: answer_of(port))
        assert answer.json()["data"] == {"meta": {"position": 0}}
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
        console = httpx.get(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
        assert console.headers["content-type"].startswith("text/html")
        serving.send_signal(stop)
        serving.communicate(timeout=10)
        assert serving.returncode == 0


def test_a_port_in_use_is_told_in_one_line(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = run("serve", "--port", port)
    assert told.code == 1
    assert f"port {port} of 127.0.0.1 is taken" in told.err
    assert "Traceback" not in told.err


def test_an_address_that_is_none_is_told_in_one_line(run: Run) -> None:
    told = run("serve", "--host", "no.such.host.invalid", "--port", "0")
    assert told.code == 1
    assert "no.such.host.invalid" in told.err
    assert "Traceback" not in told.err
