from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog

from ogpgraph import cli


class Result(NamedTuple):
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


RunCommand = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RunCommand]:
    """A function that runs a command in this process, in an empty folder, as `main` runs it."""
    handlers, level = list(logging.root.handlers), logging.root.level
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in [name for name in os.environ if name.startswith("OGPGRAPH_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["ogpgraph", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return Result(int(code or 0), printed.out, printed.err)

    yield run
    logging.root.handlers[:] = handlers  # the command logs to a standard error that is closed by now
    logging.root.setLevel(level)
    structlog.reset_defaults()
