"""The moments that arguments name: positions, times and dates, and what is wrong with those that cannot be read."""

from __future__ import annotations

from ogpgraph.domain.errors import Invalid, RefusalCode
from ogpgraph.domain.values import last_day, validate_partial_date
from ogpgraph.graphql.errors import FieldErrorCode, client_error, other_history
from ogpgraph.graphql.input_errors import show_value
from ogpgraph.graphql.scalars import DateTime, PartialDate, Position
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory, parse_root
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.session import PositionError, ReadSession
from ogpgraph.readmodel.snapshot import RecordReader
from ogpgraph.readmodel.snapshot import Snapshot as RecordSnapshot


def find_snapshot(session: RecordReader, position: Position | None, time: DateTime | None) -> RecordSnapshot:
    """Return the record at a position or a time; raises a BAD_POSITION where it cannot be read."""
    if position == 0:
        # An empty log is read at 0, but clients must not refer to that: it names no state that can be read later.
        raise client_error("position 0 is before the first entry, which is 1", ReadErrorCode.BAD_POSITION)
    try:
        return session.at_time(time) if time is not None else session.at(position or 0)
    except PositionError as error:
        raise client_error(str(error), ReadErrorCode.BAD_POSITION) from error


def find_sides(
    snapshot: RecordSnapshot,
    positions: tuple[Position | None, Position | None],
    dates: tuple[PartialDate | None, PartialDate | None],
) -> tuple[RecordSnapshot, RecordSnapshot]:
    """Return the two snapshots that are compared."""
    by_position, by_date = (any(each is not None for each in pair) for pair in (positions, dates))
    if by_position == by_date:
        raise client_error("give either `from` and `to`, or `fromDate` and `toDate`", RefusalCode.INVALID)
    sides = _find_dates(snapshot, *dates) if by_date else _find_positions(snapshot, *positions)
    if (sides[1].position, sides[1].day) < (sides[0].position, sides[0].day):
        if by_date:
            raise client_error("`fromDate` must not be after `toDate`", RefusalCode.INVALID)
        raise client_error("`from` must not be after `to`", ReadErrorCode.BAD_POSITION)
    return sides


def _find_dates(
    snapshot: RecordSnapshot, first: PartialDate | None, second: PartialDate | None
) -> tuple[RecordSnapshot, RecordSnapshot]:
    if first is None or second is None:
        raise client_error("`fromDate` and `toDate` belong together", RefusalCode.INVALID)
    return snapshot.as_of(find_last_day(first, "fromDate")), snapshot.as_of(find_last_day(second, "toDate"))


def _find_positions(
    snapshot: RecordSnapshot, first: Position | None, second: Position | None
) -> tuple[RecordSnapshot, RecordSnapshot]:
    if first is None:
        raise client_error("`to` needs a `from`", RefusalCode.INVALID)
    if second is not None and second > snapshot.position:
        message = f"`to` is past the position that is read, which is {snapshot.position}"
        raise client_error(message, ReadErrorCode.BAD_POSITION)
    earlier = find_snapshot(snapshot.session, first, None)
    later = snapshot if second is None else find_snapshot(snapshot.session, second, None)
    return earlier.as_of(snapshot.day).pinned, later.as_of(snapshot.day).pinned


def find_last_day(date: PartialDate, argument: str) -> int:
    """Return the last day of a date; raises a BAD_TIME, which names the argument, where it has none."""
    if date.endswith("/.."):
        raise client_error(f"{argument}: {date} has no last day", FieldErrorCode.BAD_TIME)
    try:
        return last_day(validate_partial_date(date, argument))
    except Invalid as error:
        raise client_error(str(error), FieldErrorCode.BAD_TIME) from None


def require_history(session: ReadSession, position: Position | None, root: str) -> None:
    """Raise an OTHER_HISTORY unless a root begins like that at a position."""
    if position is None:
        raise client_error("`root` is that of a `position`", RefusalCode.INVALID)
    try:
        session.require(Bookmark(position, parse_root(root)))
    except OtherHistory as error:
        raise other_history(error) from error
    except PositionError as error:
        raise client_error(str(error), ReadErrorCode.BAD_POSITION) from error
    except ValueError as error:
        raise client_error(f"`root` is {show_value(root)}: {error}", RefusalCode.INVALID) from error
