"""Folders and patterns mean the files that can be imported, sorted, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogpgraph.importer.inputs import find_inputs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b/2.html",
        "b/1.txt",
        "b/.hidden.txt",
        "b/.git/config",
        "b/photo.PNG",
        "b/style.css",
        "a.csv",
        "c.XLSX",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_means_the_readable_files_below_it_and_the_others_are_counted(folder: Path) -> None:  # noqa: ARG001
    inputs = find_inputs(["."])
    assert inputs.names == ["./a.csv", "./c.XLSX", "./b/1.txt", "./b/2.html"]
    assert inputs.skipped == {".png": 1, ".css": 1}


def test_a_pattern_that_the_shell_left_is_expanded_and_each_file_is_read_once(folder: Path) -> None:  # noqa: ARG001
    assert find_inputs(["b/1.txt", "**/*.txt", "b"]).names == ["b/1.txt", "b/2.html"]


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "b" / "again").symlink_to(folder, target_is_directory=True)
    assert find_inputs(["b"]).names == ["b/1.txt", "b/2.html"]


@pytest.mark.parametrize("name", ["-", "https://example.org/[a]*", "gone.txt", "gone-*.txt"])
def test_what_is_no_file_is_left_as_it_is(folder: Path, name: str) -> None:  # noqa: ARG001
    assert find_inputs([name]).names == [name]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    (folder / "[b]*.txt").write_text("x")
    assert find_inputs(["[b]*.txt"]).names == ["[b]*.txt"]
