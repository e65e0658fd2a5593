"""Dates of which only the year is certain: they go on meaning the date within that year that was read before them.

So where an older file turns out to have such a date, the years that newer files have after it mean that date, too. A
file whose date is uncertain states the cell as published, under `database/`, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ogpgraph.domain.source_statements import RecordedStatement
from ogpgraph.domain.values import Value
from ogpgraph.importer.observations.differences import ObservedChanges, SourceStatements
from ogpgraph.importer.observations.observation import ObservationHistory


def adopt_earlier_dates(
    changes: ObservedChanges,
    statements: SourceStatements,
    published_paths: Mapping[str, str],
    moment: datetime,
    later: ObservationHistory,
) -> ObservedChanges:
    """Return the changes that an older file makes, with the dates of newer files as they are to be read then.

    `published_paths` are the paths of dates → the paths of the cells as published; `later` are the newer files.
    """
    dates = {path: value for path, value in changes.stated.items() if path in published_paths}
    if not dates:
        return changes
    histories = statements.histories([*dates, *(published_paths[path] for path in dates)])
    restated = {index: dict(facts) for index, facts in changes.restated.items()}
    respelled = {revision: dict(facts) for revision, facts in changes.respelled.items()}
    for path, date in dates.items():
        published = histories[published_paths[path]]
        again = next((index for index, facts in restated.items() if path in facts), None)
        following = next((each for each in histories[path] if each.before > moment), None)
        if again is not None:
            if _has_cell(published, later[again][0]):
                said = _as_read_after(date, restated[again].pop(path))
                restated[again] |= {path: said} if said != date else {}
        elif following and not following.is_amended and _has_cell(published, following.before):
            said = _as_read_after(date, following.value)
            if said != following.value:
                respelled.setdefault(following.revision, {})[path] = said
    return ObservedChanges(changes.stated, {index: facts for index, facts in restated.items() if facts}, respelled)


def _as_read_after(date: Value | None, uncertain: Value | None) -> Value | None:
    """Return what a date of which only the year is certain means after a date that was read before."""
    if not isinstance(uncertain, str):
        return uncertain
    year = uncertain[:4]
    return date if isinstance(date, str) and date.startswith(year) else year


def _has_cell(published: list[RecordedStatement], moment: datetime) -> bool:
    until = [each for each in published if each.before <= moment]
    return bool(until) and until[-1].value is not None
