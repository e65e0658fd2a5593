"""`ogpgraph migrate`, `rebuild` and `schema`."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ogpgraph.graphql.schema import build_schema, print_sdl
from tests.cli.conftest import RunCommand
from tests.cli.processes import start_command
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE


def test_migrate_can_be_repeated(run: RunCommand, tmp_path: Path) -> None:
    for _ in range(2):
        result = run("migrate", "--database", "sqlite:///log.db")
        assert result == (0, "sqlite:///log.db is ready\n", "")
    assert (tmp_path / "log.db").exists()


def test_an_option_overrides_the_environment_and_that_the_default(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sqlite:///ogpgraph.db" in run("migrate").out
    monkeypatch.setenv("OGPGRAPH_DATABASE", "sqlite:///other.db")
    assert "sqlite:///other.db" in run("migrate").out
    assert "sqlite:///given.db" in run("migrate", "--database", "sqlite:///given.db").out


def test_a_rebuild_is_identical_and_says_so(run: RunCommand) -> None:
    run("import", LIGHTHOUSE, LIBRARIES)
    results = [run("rebuild") for _ in range(2)]
    assert [result.code for result in results] == [0, 0]
    printed = re.fullmatch(r"position (\d+), digest ([0-9a-f]{64}) \(identical\)\n", results[0].out)
    assert printed
    assert int(printed[1]) > 50
    assert results[1].out == results[0].out


def test_a_rebuild_repairs_rows_that_cannot_be_read_and_says_so(run: RunCommand, tmp_path: Path) -> None:
    run("import", LIGHTHOUSE)
    intact = run("rebuild").out
    with closing(sqlite3.connect(tmp_path / "ogpgraph.db")) as connection, connection:
        connection.execute("update version set delta = zeroblob(9)")
    result = run("rebuild")
    assert result.code == 0
    assert result.out == intact.replace("identical", "it was unreadable: error")


def test_a_rebuild_repairs_a_modified_read_model_and_says_so(run: RunCommand, tmp_path: Path) -> None:
    run("import", LIGHTHOUSE)
    intact = run("rebuild").out
    with closing(sqlite3.connect(tmp_path / "ogpgraph.db")) as connection, connection:
        connection.execute("update version set code = 'XX0001'")
    result = run("rebuild")
    assert result.code == 0
    assert "it was" in result.out
    assert run("rebuild").out == intact


def test_schema_prints_the_published_schema(run: RunCommand) -> None:
    assert run("schema") == (0, print_sdl(build_schema()), "")


def test_schema_writes_its_files(run: RunCommand, tmp_path: Path) -> None:
    result = run("schema", "--write")
    assert (result.code, result.out) == (0, "")
    assert (tmp_path / "schema" / "ogpgraph.graphql").read_text() == print_sdl(build_schema())


@pytest.mark.slow
def test_a_closed_standard_output_is_not_an_error(tmp_path: Path) -> None:
    with start_command("schema", folder=tmp_path) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=120)
        assert process.stderr
        assert "Traceback" not in process.stderr.read()
