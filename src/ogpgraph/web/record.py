"""What answers from the record depend on, and how a reading of it is broken off."""

from __future__ import annotations

from ogpgraph.graphql.context import Context
from ogpgraph.web.caching import Standing
from ogpgraph.web.stopping import Watch


class OfRecord:
    """Tells the executor of the contexts that the schema's resolvers see."""

    def standing(self, context: Context) -> Standing:
        """Return the log, its epochs, projection and schema, and the position that the reading has pinned."""
        reading = context.reading
        # Asked of the database: another process may have redacted something since this one started.
        log = reading.transaction.row("select id, epoch, redaction_epoch from log")
        assert log is not None
        projection = reading.now().projection
        record = (log["id"], log["epoch"], log["redaction_epoch"], projection, context.schema_version)
        return Standing(record, reading.head)

    def watch(self, context: Context, watch: Watch) -> None:
        """Have the database break off statements of the reading when the operation is to stop."""
        context.reading.transaction.watch(watch.is_over, watch.seconds)
