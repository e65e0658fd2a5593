"""The statements of the storage in PostgreSQL's dialect: they are written in SQLite's."""

from __future__ import annotations

import re
from functools import lru_cache

_PARAMETER = re.compile(r"(\bin )?(?<![:\w]):([a-z_][a-z_0-9]*)")
_CONCATENATION = re.compile(r"group_concat\(([^)]*)\)")


@lru_cache(maxsize=2_000)
def translate_parameters(sql: str) -> bytes:
    """Return a statement in psycopg's form: `:name` → `%(name)s`, `in :names` → `= any(%(names)s)`.

    `group_concat(column)` becomes the same aggregate in PostgreSQL's dialect.
    """
    sql = _CONCATENATION.sub(r"string_agg(\1::text, ',')", sql.replace("%", "%%"))
    return _PARAMETER.sub(_replace_parameter, sql).encode()


def _replace_parameter(found: re.Match[str]) -> str:
    is_list, name = found.groups()
    return f"= any(%({name})s)" if is_list else f"%({name})s"


def translate_ddl(statement: str) -> str:
    """Return a definition in PostgreSQL's dialect; texts are compared by their bytes, as they are in SQLite."""
    statement = statement.replace(
        "integer primary key autoincrement", "bigint generated always as identity primary key"
    )
    statement = statement.removesuffix("without rowid")
    return re.sub(r"\btext\b", 'text collate "C"', re.sub(r"\bblob\b", "bytea", statement))
