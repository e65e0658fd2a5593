"""Help, usage errors and errors that the user can fix, of every command."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import RunCommand
from tests.cli.processes import RUN_MAIN, start_command
from tests.importer.sample_pages import LIGHTHOUSE

COMMANDS = ["migrate", "import", "serve", "demo", "search", "rebuild", "schema"]
SLOW_IMPORTS = {"strawberry", "graphql", "starlette", "uvicorn", "eventsourcing", "msgspec"}


def test_the_version_is_printed(run: RunCommand) -> None:
    assert run("--version").out == f"ogpgraph {version('ogpgraph')}\n"


def test_brackets_are_printed_as_they_are(run: RunCommand, tmp_path: Path) -> None:
    assert "[/x]" in run("revert", "[/x] [abc] def", "--reason", "y").err
    assert "[abc] def" in run("revert", "[/x] [abc] def", "--reason", "y").err
    (tmp_path / "[bold].txt").write_text("not a commitment page")
    assert "[bold].txt" in run("import", str(tmp_path / "[bold].txt")).err


def test_without_a_command_the_help_lists_all_commands(run: RunCommand) -> None:
    result = run()
    assert result.code == 2
    printed = result.out + result.err
    assert all(re.search(rf"^\W*{command} ", printed, re.MULTILINE) for command in COMMANDS)
    assert "every change is an event" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_explains_each_option(run: RunCommand, command: str) -> None:
    result = run(command, "--help")
    assert (result.code, result.err) == (0, "")
    options = re.findall(r"^│ (?:\* +)?(--[\w-]+|[A-Z|.]+) +(.*?) *│$", result.out, re.MULTILINE)
    assert options
    for option, rest in options:
        explanation = re.sub(r"<[^>]*>|\[[^]]*\]", "", rest).strip()
        assert len(explanation) > 10, f"{command} {option} is not explained"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command"),
        (["import"], "Missing argument"),
        (["import", "--observed", "yesterday", "x"], "yesterday is not a day or time such as 2021-05-04"),
        (["import", "--observed", "2999-01-01", "x"], "2999-01-01 is in the future"),
        (["serve", "--port", "99999"], "65535"),
        (["serve", "--port", "http"], "'--port'"),
        (["schema", "--nonsense"], "No such option"),
    ],
)
def test_a_usage_error_exits_with_2_and_records_nothing(
    run: RunCommand, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["follow", "--help"], ["account", "create", "--help"], ["serve", "--nonsense"]],
    ids=" ".join,
)
def test_help_and_usage_errors_import_no_server_schema_or_domain(tmp_path: Path, arguments: list[str]) -> None:
    report = f"import atexit, sys; atexit.register(lambda: print('loaded:', *{SLOW_IMPORTS} & sys.modules.keys()))"
    with start_command(*arguments, folder=tmp_path, program=f"{report}; {RUN_MAIN}") as process:
        out, err = process.communicate(timeout=120)
    printed, _, loaded = out.rpartition("loaded:")
    assert "Usage: " in printed + err
    assert loaded.split() == []


def create_text_file(folder: Path) -> str:
    (folder / "notes.txt").write_text("These are my notes, and they are long enough to be read as a header.")
    return "sqlite:///notes.txt"


def create_folder(folder: Path) -> str:
    (folder / "folder").mkdir()
    return "sqlite:///folder"


@pytest.mark.parametrize("command", ["migrate", "rebuild", "serve", "import"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        (lambda _: "sqlite:///no/such/log.db", "there is no folder"),
        (lambda _: "mysql://user:secret@host/log", "sqlite:/// or postgresql://"),
        (lambda _: "log.db", "sqlite:/// or postgresql://"),
        (create_folder, "folder"),
        (create_text_file, "not a database"),
    ],
    ids=["no folder", "another engine", "no URL", "a folder", "no database"],
)
def test_an_unusable_database_is_one_line(
    run: RunCommand, tmp_path: Path, command: str, url: Callable[[Path], str], message: str
) -> None:
    result = run(command, "--database", url(tmp_path), *([LIGHTHOUSE] if command == "import" else []))
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert "secret" not in result.err
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err


def test_each_wrong_setting_is_reported(run: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OGPGRAPH_PROT", "1")
    monkeypatch.setenv("OGPGRAPH_PORT", "http")
    result = run("migrate")
    assert (result.code, result.out) == (1, "")
    assert "did you mean OGPGRAPH_PORT?" in result.err
    assert "OGPGRAPH_PORT must be a whole number" in result.err
