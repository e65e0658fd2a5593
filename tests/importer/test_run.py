from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from ogpgraph.domain.source import source_id
from ogpgraph.importer.run import import_files, is_same_url, source_id_from_url
from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.graphql.client import dump_state, execute_query, read_position
from tests.importer.sample_pages import LIGHTHOUSE, LIMIT, Page, Sibling, import_sample_page, importer_context


def import_and_list_problems(system: System, *files: Path) -> list[tuple[str, str]]:
    reports = import_files(system, files, importer_context(), limit_bytes=100_000)
    return [(Path(report.file).name, report.problem) for report in reports]


# Refused input


def binary(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 20)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def blank(file: Path) -> None:
    file.write_text(" \n\n")


def truncated(file: Path) -> None:
    file.write_text("Uruguay\n\nFerry Tables (UY0901)\n\nOver")


def of_another_site(file: Path) -> None:
    file.write_text("<html><body><h1>Ferries</h1><p>Sailing at nine.</p></body></html>")


def too_large(file: Path) -> None:
    file.write_bytes(Page().data + b"x" * 100_000)


def broken_utf_8(file: Path) -> None:
    file.write_bytes(Page(title="Bäume").data.replace("ä".encode(), b"\xc3"))


def folder(file: Path) -> None:
    file.mkdir()


def missing(file: Path) -> None:
    assert not file.exists()


def of_unknown_member(file: Path) -> None:
    file.write_text(Page(code="ZZ0001").text)


def unreadable_link(file: Path) -> None:
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (binary, "not text"),
        (empty, "empty"),
        (blank, "empty"),
        (truncated, "truncated page"),
        (of_another_site, "not a commitment page"),
        (too_large, "bytes are more than the limit of 100,000, which OGPGRAPH_MAX_IMPORT_BYTES sets"),
        (broken_utf_8, "broken UTF-8 at byte"),
        (folder, "this is a folder, not a page"),
        (missing, "No such file or directory"),
        (of_unknown_member, "ZZ0001 is not the code of a commitment of any known member"),
        (unreadable_link, "Too many levels of symbolic links"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_a_file_that_cannot_be_read_is_refused_with_one_line_and_the_next_is_imported(
    system: System, tmp_path: Path, write: Callable[[Path], None], reason: str
) -> None:
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    write(bad)
    good.write_bytes(Page().data)
    assert read_position(system) == 0
    ((name, problem), next_report) = import_and_list_problems(system, bad, good)
    assert name == "bad.txt"
    assert reason in problem
    assert "\n" not in problem
    assert next_report == ("good.txt", "")
    assert execute_query(system, "{ commitments { nodes { code } } }")["commitments"]["nodes"] == [{"code": "UY0901"}]
    with system.database.read() as transaction:
        saves = transaction.fetch_value("select count(distinct save) from event")
    assert saves == 1, "nothing of the bad file is in the log"


def test_fifty_megabytes_are_refused_without_being_read(system: System, tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    with file.open("wb") as opened:
        opened.truncate(50 << 20)
    assert import_and_list_problems(system, file) == [
        ("large.txt", "52,428,800 bytes are more than the limit of 100,000, which OGPGRAPH_MAX_IMPORT_BYTES sets")
    ]


@pytest.mark.parametrize("has_writer", [False, True])
def test_a_pipe_is_refused_without_waiting_for_it(system: System, tmp_path: Path, *, has_writer: bool) -> None:
    pipe = tmp_path / "page.html"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR) if has_writer else None
    ((_, problem),) = import_and_list_problems(system, pipe)
    assert problem == "this is a pipe or a device: save what it gives in a file, and import that"
    if writer is not None:
        os.close(writer)


def test_an_endless_device_is_refused(system: System) -> None:
    ((_, problem),) = import_and_list_problems(system, Path("/dev/zero"))
    assert "a pipe or a device" in problem


def test_a_page_cut_off_anywhere_is_read_or_refused(system: System, tmp_path: Path) -> None:
    text = LIGHTHOUSE.read_bytes()
    file = tmp_path / "cut.txt"
    for end in range(0, len(text), 97):
        file.write_bytes(text[:end])
        import_and_list_problems(system, file)  # raises nothing


# Interruption and concurrency

MAPS = Sibling("UY0902", "Map Lending")


def test_an_interrupted_import_leaves_whole_pages(make_system: SystemFactory, tmp_path: Path) -> None:
    files = []
    for number in range(6):
        (file := tmp_path / f"{number}.txt").write_bytes(Page(f"UY090{number}", siblings=[MAPS]).data)
        files.append(file)
    interrupted, complete = make_system("interrupted"), make_system("complete")
    assert len(list(islice(import_files(interrupted, files, importer_context(), limit_bytes=LIMIT), 3))) == 3
    list(import_files(complete, files[:3], importer_context(), limit_bytes=LIMIT))
    assert dump_state(interrupted) == dump_state(complete)
    list(import_files(interrupted, files, importer_context(), limit_bytes=LIMIT))
    list(import_files(complete, files, importer_context(), limit_bytes=LIMIT))
    assert dump_state(interrupted) == dump_state(complete)


def test_two_concurrent_imports_record_each_page_once(make_system: SystemFactory) -> None:
    systems = [make_system(), make_system()]
    pages = [Page(f"UY09{number:02}", siblings=[MAPS]) for number in range(10)]

    def run(system: System, order: list[Page]) -> None:
        for page in order:
            import_sample_page(system, page)

    threads = [
        threading.Thread(target=run, args=(system, order))
        for system, order in zip(systems, (pages, pages[::-1]), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    commitments = execute_query(systems[0], "{ commitments { nodes { code sources { code } } } }")["commitments"][
        "nodes"
    ]
    assert [each["code"] for each in commitments] == [page.code for page in pages]
    kinds = execute_query(systems[0], "{ entries(where: {kind: [SourceRegistered]}) { totalCount } }")
    assert kinds["entries"]["totalCount"] == 11, "ten pages and one list"


# URLs


def test_a_url_means_a_code_and_a_language_whatever_the_slug() -> None:
    english = source_id("PAGE", "XK0011", "en")
    for url in (
        "https://www.opengovpartnership.org/members/kosovo/commitments/XK0011/",
        "http://opengovpartnership.org/members/denmark/commitments/xk0011",
    ):
        assert source_id_from_url(url) == english
    spanish = "https://www.opengovpartnership.org/es/members/any/commitments/XK0011/"
    assert source_id_from_url(spanish) == source_id("PAGE", "XK0011", "es")
    assert source_id_from_url("https://www.opengovpartnership.org/stories/") is None


def test_urls_are_compared_without_scheme_www_final_slash_and_case() -> None:
    one = "https://www.opengovpartnership.org/members/a/commitments/XK0011/"
    assert is_same_url(one, "http://opengovpartnership.org/members/a/commitments/xk0011")
    assert not is_same_url(one, "https://www.opengovpartnership.org/members/b/commitments/XK0011/")


def test_the_standard_input_is_read_like_a_file(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Page().data)))
    (report,) = import_files(system, ["-"], importer_context(), limit_bytes=LIMIT)
    assert (report.file, report.problem, bool(report.recorded)) == ("-", "", True)
