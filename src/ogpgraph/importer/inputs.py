"""What an import is asked to read: files, URLs, the standard input, folders with all that is in them, and patterns."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PAGE_SUFFIXES: Final = ("", ".txt", ".html", ".htm", ".xhtml", ".md")
SPREADSHEET_SUFFIXES: Final = (".csv", ".tsv", ".xlsx")
STANDARD_INPUT: Final = "-"
URL_STARTS: Final = ("http://", "https://")


@dataclass
class Inputs:
    """The inputs in the order in which they are imported, each once, and the files of folders that are left out.

    `skipped` counts those files by their suffix: a folder may have images and styles beside its pages.
    """

    names: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def is_url(text: str) -> bool:
    """Return whether a text is the URL of a page, and not the name of a file."""
    return text.lower().startswith(URL_STARTS)


def find_inputs(given: Iterable[str]) -> Inputs:
    """Return what the names, folders and patterns that were given mean; what does not exist is left for the import."""
    inputs = Inputs()
    for name in given:
        for each in _expand(name):
            if os.path.isdir(each):  # noqa: PTH112 - a Path would change how the name is written
                _add_folder(inputs, each)
            else:
                inputs.names.append(each)
    inputs.names = list(dict.fromkeys(inputs.names))
    return inputs


def _expand(name: str) -> list[str]:
    """Return the files of a pattern that the shell did not expand, sorted; any other name as it is."""
    if name == STANDARD_INPUT or is_url(name) or os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    return sorted(glob.glob(name, recursive=True)) or [name]  # noqa: PTH207 - likewise


def _add_folder(inputs: Inputs, folder: str) -> None:
    for file in _walk(folder):
        suffix = Path(file).suffix.lower()
        if suffix in PAGE_SUFFIXES or suffix in SPREADSHEET_SUFFIXES:
            inputs.names.append(file)
        else:
            inputs.skipped[suffix] += 1


def _walk(folder: str) -> Iterator[str]:
    """Yield the files below a folder, sorted, without hidden ones; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in sorted(files) if not name.startswith("."))  # noqa: PTH118 - likewise
