"""How the read model is doing: whether it shows everything that the log holds, and what keeps it from that."""

from __future__ import annotations

from enum import Enum

import strawberry

from ogpgraph.graphql.context import Info
from ogpgraph.graphql.scalars import Position
from ogpgraph.readmodel.projector import ProjectionFailureCode


@strawberry.enum(description="How the read model is doing.")
class ProjectorState(Enum):
    """How the read model is doing."""

    CURRENT = strawberry.enum_value("CURRENT", description="It shows everything that the log holds.")
    BEHIND = strawberry.enum_value("BEHIND", description="The log holds more, which is about to be shown.")
    STOPPED = strawberry.enum_value(
        "STOPPED", description="An event cannot be shown: everything before its save is, nothing after it."
    )


@strawberry.enum(description="In what way an event cannot be shown.")
class ProjectorErrorCode(Enum):
    """In what way an event cannot be shown."""

    CORRUPT = strawberry.enum_value(
        ProjectionFailureCode.CORRUPT.value, description="It is not what was recorded: its hash does not fit it."
    )
    UNKNOWN_EVENT = strawberry.enum_value(
        ProjectionFailureCode.UNKNOWN_EVENT.value,
        description="This version of the program does not know such an event.",
    )
    UNDECODABLE = strawberry.enum_value(
        ProjectionFailureCode.UNDECODABLE.value, description="It has not the form that its name and version say."
    )
    PROJECTION_FAILED = strawberry.enum_value(
        ProjectionFailureCode.PROJECTION_FAILED.value, description="It can be read, but no rows can be made of it."
    )
    OTHER_PROJECTION = strawberry.enum_value(
        ProjectionFailureCode.OTHER_PROJECTION.value,
        description="Another version of the program makes the rows by now.",
    )


@strawberry.type(description="What keeps the read model from showing everything.")
class ProjectorError:
    """Why the follower stopped."""

    code: ProjectorErrorCode = strawberry.field(description="In what way: stable, for programs to act on.")
    message: str = strawberry.field(description="Which event it is and what is wrong, in words.")


@strawberry.type(
    description="How the read model is doing while this is asked; unlike all else it is not of the position that is "
    "read."
)
class ProjectorStatus:
    """Where the follower stands."""

    state: ProjectorState = strawberry.field(description="How it is doing.")
    position: Position = strawberry.field(description="The newest position that can be read.")
    behind: int = strawberry.field(description="How many events of the log cannot be read yet.")
    error: ProjectorError | None = strawberry.field(description="What it stopped before, while it is stopped.")


def read_projector_status(info: Info) -> ProjectorStatus:
    """Return how the read model is doing."""
    status = info.context.session.projection_status()
    error = (
        ProjectorError(code=ProjectorErrorCode(status.failure.code.value), message=status.failure.message)
        if status.failure
        else None
    )
    state = ProjectorState.STOPPED if error else ProjectorState.BEHIND if status.lag else ProjectorState.CURRENT
    return ProjectorStatus(state=state, position=Position(status.position), behind=status.lag, error=error)
