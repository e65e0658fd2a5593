"""Commands in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

RUN_MAIN = "from ogpgraph.cli import main; main()"


@contextmanager
def start_command(*arguments: object, folder: Path, program: str = RUN_MAIN) -> Iterator[subprocess.Popen[str]]:
    """Start a command as a process in a folder; it is killed at the end if it is still running."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OGPGRAPH_")}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
