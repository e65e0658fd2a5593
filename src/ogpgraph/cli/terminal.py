"""Where commands say something: what they were asked for on standard output, everything else on standard error."""

from __future__ import annotations

from importlib.metadata import version

import typer
from rich.console import Console
from rich.text import Text

# Without markup: what is said holds names, paths and texts of others, and what stands in brackets there is theirs.
out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False)


def print_version(asked: bool) -> None:
    """Tell the version of the program and end it, if that is asked for."""
    if asked:
        out.print(f"ogpgraph {version('ogpgraph')}")
        raise typer.Exit


def print_problem(problem: Exception) -> int:
    """Tell a problem that people can mend, in one line; returns the exit code."""
    err.print(Text.assemble((type(problem).__name__, "red"), f": {problem}"), soft_wrap=True)
    return 1
