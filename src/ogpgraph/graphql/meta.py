"""What a response says of itself: the log, the position that is read, and how far the record can be read."""

from __future__ import annotations

from enum import Enum

import strawberry

from ogpgraph.graphql.context import Info
from ogpgraph.graphql.scalars import DateTime, PartialDate, Position
from ogpgraph.graphql.volatile_fields import VOLATILE
from ogpgraph.readmodel.error_codes import ProjectionFailureCode
from ogpgraph.readmodel.session import ReadSession


@strawberry.enum(description="Whether all entries of the log can be read.")
class ProjectorState(Enum):
    CURRENT = strawberry.enum_value("CURRENT", description="All entries of the log can be read.")
    BEHIND = strawberry.enum_value("BEHIND", description="The newest entries cannot be read yet, but soon.")
    STOPPED = strawberry.enum_value(
        "STOPPED",
        description="An entry cannot be processed. It and those after it cannot be read until an operator intervenes.",
    )


@strawberry.type(description="The entry that cannot be processed, and why.")
class ProjectorError:
    code: ProjectionFailureCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The entry and the reason, for people.")


@strawberry.type(
    description="The progress of the server in making the entries of the log readable. It describes the moment of the "
    "request and not the position that is read."
)
class ProjectorStatus:
    state: ProjectorState = strawberry.field(description="Whether all entries can be read.")
    position: Position = strawberry.field(description="The newest position that can be read.")
    behind: int = strawberry.field(description="The number of entries that cannot be read yet.")
    error: ProjectorError | None = strawberry.field(
        description="The entry that cannot be processed; null unless the state is STOPPED."
    )

    @classmethod
    def read(cls, session: ReadSession) -> ProjectorStatus:
        """Return the status of the projection at this moment."""
        status = session.projection_status()
        failed = status.failure
        state = ProjectorState.STOPPED if failed else ProjectorState.BEHIND if status.lag else ProjectorState.CURRENT
        error = ProjectorError(code=failed.code, message=failed.message) if failed else None
        return cls(state=state, position=Position(status.position), behind=status.lag, error=error)


@strawberry.type(
    description="The position that is read and the identity of the log. A citation of a response needs `logId`, "
    "`position` and `rootHash`."
)
class Meta:
    log_id: strawberry.ID = strawberry.field(
        description="The id of the log. A position of one log means nothing in another. A log that was restored from a "
        "backup keeps its id; `rootHash` tells its histories apart."
    )
    position: Position = strawberry.field(description="The position that is read; 0 while the log is empty.")
    recorded_at: DateTime | None = strawberry.field(
        description="When the entry at this position was recorded; null while the log is empty."
    )
    date: PartialDate | None = strawberry.field(
        description="Inside `asOf`, the day at whose end the state of affairs is read; null elsewhere."
    )
    root_hash: str = strawberry.field(
        description="The root of the log's Merkle tree (RFC 6962) at this position: 64 hexadecimal digits. It commits "
        "to every entry up to here."
    )
    projection_version: int = strawberry.field(
        description="The version of the rules by which the server derives the readable record from the log."
    )
    schema_version: str = strawberry.field(
        description="The version of this schema. It changes whenever anything in the schema changes, descriptions "
        "included."
    )

    @strawberry.field(
        metadata=VOLATILE,
        description="Whether all entries of the log can be read. It describes the moment of the request and not the "
        "position that is read, so a response that contains it is not cached.",
    )
    def projector(self, info: Info) -> ProjectorStatus:
        return ProjectorStatus.read(info.context.session)
