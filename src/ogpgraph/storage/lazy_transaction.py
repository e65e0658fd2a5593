"""A transaction that is opened by its first statement: a reader that finds all it needs in memory needs none.

And one that is never opened, for a reader that may not wait for a database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple, NoReturn

from ogpgraph.storage.database import DatabaseError, Parameters, Row, Transaction
from ogpgraph.storage.waiting import WouldWait


class _Deadline(NamedTuple):
    is_over: Callable[[], bool]
    seconds: float


class LazyTransaction(Transaction):
    """A transaction that `open_transaction` opens for the first statement; `check` is then called with it once.

    Whoever uses it closes it. A later statement raises DatabaseError, and what opening or `check` raises is raised by
    the statement.
    """

    def __init__(
        self,
        database_name: str,
        open_transaction: Callable[[], AbstractContextManager[Transaction]],
        check: Callable[[Transaction], None],
    ) -> None:
        self._database_name = database_name
        self._open_transaction = open_transaction
        self._check = check
        self._resources = ExitStack()
        self._opened: Transaction | None = None
        self._deadline: _Deadline | None = None
        self._is_closed = False

    @property
    def database_name(self) -> str:
        return self._database_name

    @property
    def opened(self) -> Transaction:
        """The opened transaction; it is opened now, unless it was before."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def close(self) -> None:
        """End the transaction, if it was opened."""
        self._is_closed = True
        self._opened = None
        self._resources.close()

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        found = self.opened.fetch_all(sql, **parameters)
        self.statements += 1
        return found

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        rows = self.opened.stream(sql, **parameters)
        self.statements += 1
        return rows

    def execute(self, sql: str, **parameters: object) -> None:
        self.opened.execute(sql, **parameters)
        self.statements += 1

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        self.opened.execute_many(sql, parameters)
        self.statements += 1

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self.opened.insert(table, columns, rows)
        self.statements += 1

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        if self._opened is None:
            self._deadline = _Deadline(is_over, seconds)
        else:
            self._opened.set_deadline(is_over, seconds)

    def lock_tables(self, tables: Sequence[str]) -> None:
        self.opened.lock_tables(tables)

    def _open(self) -> Transaction:
        if self._is_closed:
            raise DatabaseError("the read session is closed")
        with ExitStack() as resources:
            transaction = resources.enter_context(self._open_transaction())
            self._check(transaction)
            if self._deadline:
                transaction.set_deadline(*self._deadline)
            self._resources = resources.pop_all()
        self.statements += transaction.statements
        return transaction


class RefusedTransaction(Transaction):
    """Stands for a transaction where nothing may be waited for: every statement raises WouldWait."""

    def __init__(self, database_name: str) -> None:
        self._database_name = database_name

    @property
    def database_name(self) -> str:
        return self._database_name

    def stream(self, sql: str, **parameters: object) -> NoReturn:  # noqa: ARG002 - the interface
        raise WouldWait

    def execute(self, sql: str, **parameters: object) -> NoReturn:  # noqa: ARG002 - the interface
        raise WouldWait

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> NoReturn:  # noqa: ARG002 - the interface
        raise WouldWait

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> NoReturn:  # noqa: ARG002 - the interface
        raise WouldWait

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Do nothing: there are no statements."""

    def lock_tables(self, tables: Sequence[str]) -> NoReturn:  # noqa: ARG002 - the interface
        raise WouldWait
