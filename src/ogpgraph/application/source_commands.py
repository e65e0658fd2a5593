"""Commands on sources that people rest their statements on."""

from __future__ import annotations

import re

from ogpgraph.application.speaking import Speaking
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Event
from ogpgraph.domain.source import source_id

_ADDRESS = re.compile(r"https?://[^\s<>\"\x00-\x1f]{3,2000}")


class SourceCommands(Speaking):
    """What can be recorded of documents; pages are observed by the importer."""

    _rested_on: Event | None = None

    def rest_on(self, source: str) -> str:
        """Return the id of a source by its id, or by the address of a document, which comes into the record with it.

        Raises NotFound for an unknown id, Invalid for what is neither an id nor an address.
        """
        if source.startswith("source-"):
            if not self.subject(source).revision:
                raise NotFound(f"there is no source {source}", "source")
            return source
        if not _ADDRESS.fullmatch(source):
            raise Invalid("a source is the id of one in the record or an address such as https://…", "source")
        stream = source_id("DOCUMENT", source, "")
        if not self.subject(stream).text("url"):
            self._rested_on = self.say(stream, "SourceRegistered", {"type": "DOCUMENT", "url": source})
        return stream

    def drop_idle_source(self) -> None:
        """Record nothing of a document where nothing turned out to rest on it."""
        if self._rested_on is not None and self.pending == [self._rested_on]:
            self.pending.clear()
