"""Progress of long work, on a terminal only: how much is done, how fast, and how long it will take."""

from __future__ import annotations

from collections.abc import Callable

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ogpgraph.cli.terminal import err

ProgressCallback = Callable[[int, int], None]
"""Is told how many are done, of how many."""


def create_progress(unit: str) -> Progress:
    """Return a display of tasks that are counted in a unit."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def track_task(progress: Progress, description: str) -> ProgressCallback:
    """Return what shows how far a new task has come."""
    task = progress.add_task(description, total=None)
    return lambda done, whole: progress.update(task, completed=done, total=whole)


def track_rows(progress: Progress) -> ProgressCallback:
    """Return what shows how many rows of a file of many are done, while they are not all."""
    task = progress.add_task("rows", total=None, visible=False, unit="rows")
    return lambda done, whole: progress.update(task, completed=done, total=whole, visible=done < whole)


class RateColumn(ProgressColumn):
    """How many of something are done in a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate in words."""
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", self._unit)
        return Text(f"{speed:,.0f} {unit}/s" if speed else "")
