import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import DatabaseError
from ogpgraph.system import migrate
from tests.conftest import ONLY_SQLITE, DatabaseFactory

SLOW = "with recursive n(n) as (select 1 union all select n + 1 from n where n < 300000) select max(n) from n"


@ONLY_SQLITE
def test_a_database_is_closed_when_those_who_read_are_done(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    database = open_database(new_database())
    reading = threading.Event()

    def read() -> int:
        with database.read() as transaction:
            reading.set()
            return int(transaction.fetch_value(SLOW))

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(read)
        reading.wait()
        database.close()
        assert answer.done()
        assert answer.result() == 300000


@ONLY_SQLITE
def test_a_closed_database_is_read_no_more(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    database = open_database(new_database())
    database.close()
    database.close()
    with pytest.raises(DatabaseError), database.read():
        pass


@ONLY_SQLITE
def test_a_file_that_is_no_database_is_named(new_database: DatabaseFactory) -> None:
    url = new_database()
    Path(url.removeprefix("sqlite:///")).write_text("a page, and no database\n" * 100)
    with pytest.raises(DatabaseError, match=r"log\.db cannot be used: file is not a database"):
        migrate(url)
