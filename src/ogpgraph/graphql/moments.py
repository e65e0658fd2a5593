"""The moments that arguments name: positions, times and dates, and what is wrong with those that cannot be read.

The response of an operation that names its positions (`pinned_position`) never changes within one history of the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import FieldNode, IntValueNode, OperationDefinitionNode, VariableNode

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

_MAX_POSITION_CHARACTERS: Final = 17


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


def pinned_position(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int | None:
    """Return the latest position that an operation reads, if all its root fields are `at` with a position.

    That is so unless a field below is read at the head, whatever the position (`volatile_fields.READS_HEAD`).
    """
    positions = [_position(node, variables) for node in operation.selection_set.selections]
    pinned = [position for position in positions if position is not None]
    return max(pinned) if pinned and len(pinned) == len(positions) else None


def _position(node: object, variables: Mapping[str, Any]) -> int | None:
    if not isinstance(node, FieldNode) or node.name.value != "at":
        return None
    return _position_argument([(each.name.value, each.value) for each in node.arguments or ()], variables)


def _position_argument(arguments: Sequence[tuple[str, object]], variables: Mapping[str, Any]) -> int | None:
    # A root beside it selects nothing else: it is that of the position, or the response is an error.
    others = [(name, value) for name, value in arguments if name != "root"]
    if len(others) != 1 or others[0][0] != "position":
        return None
    value = others[0][1]
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < _MAX_POSITION_CHARACTERS else None
    variable = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    return variable if isinstance(variable, int) and not isinstance(variable, bool) else None
