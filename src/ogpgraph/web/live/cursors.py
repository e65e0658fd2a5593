"""Cursors are good in the log they come from: its id and epoch go with them, and another log's are refused."""

from __future__ import annotations

from collections.abc import Mapping

from ogpgraph.storage.identity import Identity
from ogpgraph.web.refused import Refused


def about(identity: Identity, position: int) -> dict[str, object]:
    """Return what a stream says of its log at the beginning."""
    return {"logId": identity.id, "epoch": identity.epoch, "position": position}


def require_this_log(identity: Identity, given: Mapping[str, object] | None) -> None:
    """Raise Refused where `logId` or `epoch` of a cursor are said, and not those of this log."""
    log, epoch = (given or {}).get("logId"), (given or {}).get("epoch")
    if log not in (None, identity.id):
        raise Refused(400, "This cursor is of another log: begin anew, without one.", code="OTHER_LOG")
    if epoch is not None and str(epoch) != str(identity.epoch):
        raise Refused(
            400,
            "The log was restored since, and goes on otherwise: entries that you have may be gone. Begin anew.",
            code="OTHER_EPOCH",
        )
