"""Damaged records: what does not match its hash, and the register of those that a process has met."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterable

from ogpgraph.storage.database import StorageError, Transaction

MAX_REGISTERED = 100


class DamagedRecord(StorageError):
    """A stored record was changed after it was stored; it is named, and never served. The message quotes nothing."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.explanation = f"{message}: an operator has to restore it from a backup"

    @abstractmethod
    def is_repaired(self, transaction: Transaction) -> bool:
        """Return whether the record is whole again."""


class DamageRegister:
    """The damaged records that this process has met since its start and that are not repaired."""

    def __init__(self) -> None:
        self._records: dict[str, DamagedRecord] = {}
        self._lock = threading.Lock()

    def add(self, errors: Iterable[Exception | None]) -> None:
        """Register the damaged records among some errors."""
        for error in errors:
            if isinstance(error, DamagedRecord):
                with self._lock:
                    if len(self._records) < MAX_REGISTERED:
                        self._records[str(error)] = error

    def find(self, transaction: Transaction) -> list[DamagedRecord]:
        """Return the registered records that are still damaged, and forget the others."""
        with self._lock:
            records = dict(self._records)
        repaired = [key for key, record in records.items() if record.is_repaired(transaction)]
        with self._lock:
            for key in repaired:
                self._records.pop(key, None)
        return [record for key, record in records.items() if key not in repaired]
