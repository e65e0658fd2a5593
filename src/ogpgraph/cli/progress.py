"""Progress bars on a terminal: how much is done, how fast, and how long the rest will take."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ogpgraph.cli.shared import err
from ogpgraph.storage.database import ProgressCallback


def create_progress(unit: str) -> Progress:
    """Return a display of tasks that are counted in a unit, such as "events"; it is disabled outside a terminal."""
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
    """Add a task and return the callback that updates it."""
    task = progress.add_task(description, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def track_rows(progress: Progress) -> ProgressCallback:
    """Add a task for the rows of a file, shown until all are done, and return the callback that updates it."""
    task = progress.add_task("rows", total=None, visible=False, unit="rows")
    return lambda done, total: progress.update(task, completed=done, total=total, visible=done < total)


class RateColumn(ProgressColumn):
    """The number of units that are done in a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing before it is known."""
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", self._unit)
        return Text(f"{speed:,.0f} {unit}/s" if speed else "")
