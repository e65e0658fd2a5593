"""`ogpgraph import`."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ogpgraph.system import migrate, open_system
from tests.cli.conftest import RunCommand
from tests.cli.processes import start_command
from tests.graphql.client import dump_state, execute_query
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, Page
from tests.support.waiting import wait_until


def test_import_reports_each_file_and_exits_with_0(run: RunCommand) -> None:
    result = run("import", "--observed", "2021-05-04", LIGHTHOUSE, LIBRARIES)
    assert (result.code, result.err) == (0, "")
    assert "UY0901" in result.out
    assert "UY0902" in result.out
    repeated = run("import", "--observed", "2021-05-05", LIGHTHOUSE)
    assert repeated.code == 0
    assert "seen again" in repeated.out
    with open_system("sqlite:///ogpgraph.db") as system:
        assert dump_state(system)["UY0901"]["lastObservedAt"] == "2021-05-05T00:00:00.000000Z"


def test_an_unreadable_file_is_one_line_and_the_exit_code_is_1(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    (tmp_path / "[bold]odd.txt").write_text("nothing")
    result = run("import", "gone.txt", "binary.txt", "[bold]odd.txt", LIGHTHOUSE)
    assert result.code == 1
    assert result.err.splitlines() == [
        "gone.txt: No such file or directory",
        "binary.txt: not text: it contains zero bytes",
        "[bold]odd.txt: not a commitment page: no title line that ends in a code such as (FR0043), and no labels",
    ]
    with open_system("sqlite:///ogpgraph.db") as system:
        assert dump_state(system)["UY0901"]["values"]["title/en"] == "Open Lighthouse Hours"


def test_a_dry_run_records_nothing(run: RunCommand, tmp_path: Path) -> None:
    result = run("import", "--dry-run", LIGHTHOUSE)
    assert result.code == 0
    assert "UY0901" in result.out
    assert not (tmp_path / "ogpgraph.db").exists()


def test_a_dry_run_over_a_folder_shows_what_would_change(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "pages" / "2021").mkdir(parents=True)
    page = Page("UY0901", title="Ferry tables")
    (tmp_path / "pages" / "2021" / "one.txt").write_bytes(page.data)
    assert run("import", "--observed", "2021-03-01", "pages").code == 0
    (tmp_path / "pages" / "2021" / "one.txt").write_bytes(page.with_changes(title="Ferry tables, printed").data)
    result = run("import", "--observed", "2021-04-01", "--dry-run", "pages")
    assert "  UY0901 title/en\n    - Ferry tables\n    + Ferry tables, printed\n" in result.out
    document = json.loads(run("import", "--observed", "2021-04-01", "--dry-run", "--json", "pages").out)
    assert document["files"][0]["changes"] == [
        {"subject": "UY0901", "path": "title/en", "before": "Ferry tables", "after": "Ferry tables, printed"}
    ]


def test_of_many_files_only_those_with_news_have_a_line(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(25):
        (tmp_path / "many" / f"{number:02}-{'long' * 30}.txt").write_bytes(
            Page(f"UY09{number:02}", title=f"Line {number}").data
        )
    (tmp_path / "many" / "bad.txt").write_text("nothing at all")
    (tmp_path / "many" / "photo.png").write_text("x")
    result = run("import", "--observed", "2021-03-01", "many")
    assert result.code == 1
    lines = result.out.splitlines()
    assert [line for line in lines if "many/" in line][:1] == [line for line in lines if "many/bad.txt: not a" in line]
    assert any("26 files: 25 recorded, 1 refused" in line for line in lines)
    assert any("1 .png" in line for line in lines)


def test_the_report_can_be_json(run: RunCommand) -> None:
    result = run("import", "--json", LIGHTHOUSE, "gone.txt")
    assert result.code == 1
    assert json.loads(result.out)
    assert result.err == "gone.txt: No such file or directory\n"


@pytest.mark.slow
def test_ctrl_c_leaves_complete_pages_and_reports_them(tmp_path: Path) -> None:
    files = [tmp_path / f"{number:04}.txt" for number in range(1_000)]
    for number, file in enumerate(files):
        file.write_bytes(Page(f"UY{number:04}").data)
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)

    def count_imported() -> int:
        with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
            return int(connection.execute("select count(distinct save) from event").fetchone()[0])

    with start_command("import", "--observed", "2021-03-01", "--database", url, *files, folder=tmp_path) as process:
        wait_until(lambda: count_imported() > 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    imported = count_imported()
    assert process.returncode == 130
    message = re.fullmatch(
        r"interrupted after (\d+) of 1000 files: each file is recorded completely or not at all\n", err
    )
    assert message
    assert int(message[1]) in (imported - 1, imported), "the last may be recorded without being reported"
    assert "UY0000" in out
    with open_system(url) as system:
        found = execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"]
        assert found == imported < 1_000
        recorded = [node["values"] for code, node in dump_state(system).items() if code.startswith("UY0")]
        assert {len(values) for values in recorded} == {len(recorded[0])}, "a page is recorded incompletely"
        digest = system.digest()
        system.rebuild()
        assert system.digest() == digest


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_control_characters_of_a_file_name_are_shown(run: RunCommand, tmp_path: Path, options: tuple[str, ...]) -> None:
    name = "a\x1b[31m\nrecorded: all\u202e.html"
    (tmp_path / name).write_text("nothing")
    result = run("import", name, *options)
    assert not set(result.out + result.err) & set("\x1b\u202e")
    assert "\nrecorded" not in result.out + result.err
    assert r"a\u001b[31m" in result.err
