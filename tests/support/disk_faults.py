"""Failures of the disk, injected below SQLite into the processes that are started with them (`disk_faults.c`)."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

COMPILER: Final = shutil.which("cc") if sys.platform == "linux" else None
FOR_EVER: Final = 2**62
_SOURCE: Final = Path(__file__).with_suffix(".c")
_NUMBERS: Final = struct.Struct("6q")


class DiskFaults:
    """The control of the failures, for all processes with `environment`; at first nothing fails."""

    def __init__(self, folder: Path) -> None:
        assert COMPILER, "a C compiler is needed"
        library, control = folder / "disk_faults.so", folder / "disk_faults.control"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True)
        control.write_bytes(bytes(_NUMBERS.size))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), _NUMBERS.size)
        self.environment = os.environ | {"LD_PRELOAD": str(library), "DISK_FAULTS": str(control)}

    def fail(self, error: int = errno.EIO, *, first: int = 1, count: int = FOR_EVER, reads: bool = False) -> None:
        """Have operations fail, counted from now on: `count` of them, beginning with the `first`.

        These are operations that write, or only those that read.
        """
        self._control[:] = _NUMBERS.pack(0, first, min(first + count - 1, FOR_EVER), error, reads, 0)

    @property
    def failed(self) -> int:
        """How many operations have failed."""
        failed: int = _NUMBERS.unpack(self._control[:])[5]
        return failed

    def stop(self) -> int:
        """Have nothing fail any more; returns how many operations did."""
        failed = self.failed
        self._control[:] = bytes(_NUMBERS.size)
        return failed
