"""How the read model is doing: whether it shows everything that the log holds, and what keeps it from that."""

from __future__ import annotations

from enum import Enum

import strawberry

from ogpgraph.graphql.context import Info
from ogpgraph.graphql.scalars import Position
from ogpgraph.readmodel.stop import StopCode


@strawberry.enum(description="How the read model is doing.")
class FollowerState(Enum):
    """How the read model is doing."""

    FOLLOWING = strawberry.enum_value("FOLLOWING", description="It shows everything that the log holds.")
    BEHIND = strawberry.enum_value("BEHIND", description="The log holds more, which is about to be shown.")
    STOPPED = strawberry.enum_value(
        "STOPPED", description="An event cannot be shown: everything before its save is, nothing after it."
    )


@strawberry.enum(description="In what way an event cannot be shown.")
class FollowerErrorCode(Enum):
    """In what way an event cannot be shown."""

    CORRUPT = strawberry.enum_value(
        StopCode.CORRUPT.value, description="It is not what was recorded: its hash does not fit it."
    )
    UNKNOWN_EVENT = strawberry.enum_value(
        StopCode.UNKNOWN_EVENT.value, description="This version of the program does not know such an event."
    )
    UNDECODABLE = strawberry.enum_value(
        StopCode.UNDECODABLE.value, description="It has not the form that its name and version say."
    )
    PROJECTION_FAILED = strawberry.enum_value(
        StopCode.PROJECTION_FAILED.value, description="It can be read, but no rows can be made of it."
    )
    OTHER_PROJECTION = strawberry.enum_value(
        StopCode.OTHER_PROJECTION.value, description="Another version of the program makes the rows by now."
    )


@strawberry.type(description="What keeps the read model from showing everything.")
class FollowerError:
    """Why the follower stopped."""

    code: FollowerErrorCode = strawberry.field(description="In what way: stable, for programs to act on.")
    message: str = strawberry.field(description="Which event it is and what is wrong, in words.")


@strawberry.type(
    description="How the read model is doing while this is asked; unlike all else it is not of the position that is "
    "read."
)
class Follower:
    """Where the follower stands."""

    state: FollowerState = strawberry.field(description="How it is doing.")
    position: Position = strawberry.field(description="The newest position that can be read.")
    behind: int = strawberry.field(description="How many events of the log cannot be read yet.")
    error: FollowerError | None = strawberry.field(description="What it stopped before, while it is stopped.")


def follower_of(info: Info) -> Follower:
    """Return how the read model is doing."""
    stands = info.context.reading.standpoint()
    error = (
        FollowerError(code=FollowerErrorCode(stands.stop.code.value), message=stands.stop.message)
        if stands.stop
        else None
    )
    state = FollowerState.STOPPED if error else FollowerState.BEHIND if stands.behind else FollowerState.FOLLOWING
    return Follower(state=state, position=Position(stands.position), behind=stands.behind, error=error)
