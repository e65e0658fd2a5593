"""Where commands say something: what they were asked for on standard output, everything else on standard error."""

from __future__ import annotations

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def told(problem: Exception) -> int:
    """Tell a problem that people can mend, in one line; returns the exit code."""
    err.print(f"[red]{type(problem).__name__}[/red]: {problem}", soft_wrap=True)
    return 1
