"""Taking back what people stated, which never takes back what a published page states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import structs

from ogpgraph.application.acts import Basis
from ogpgraph.application.speaking import Speaking
from ogpgraph.domain.errors import Conflict, NotFound
from ogpgraph.domain.event import Facts, Origin


class Unsaying(Speaking):
    """What withdrawing and correcting have in common."""

    def unsay(self, stream: str, name: str, paths: Iterable[str], basis: Basis) -> None:
        """Take back everything that people state at some paths.

        Raises NotFound where nothing is stated, and Conflict where a published page states it, which only that page
        can take back.
        """
        said: dict[str | None, Facts] = defaultdict(dict)
        for path in paths:
            self._require_unsayable(stream, path)
            for claim in self.subject(stream).claims[path]:
                if claim.origin == Origin.PERSON and claim.value is not None:
                    said[claim.source][path] = None
        for source, facts in said.items():
            self.say(stream, name, facts, structs.replace(basis, source=source))

    def _require_unsayable(self, stream: str, path: str) -> None:
        claims = [claim for claim in self.subject(stream).claims.get(path, ()) if claim.value is not None]
        if not claims:
            raise NotFound(f"nothing is recorded at {path}", path)
        if any(claim.origin != Origin.PERSON for claim in claims):
            raise Conflict(f"a published page states {path}: record what is so instead of withdrawing it", path)
