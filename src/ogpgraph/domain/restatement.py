"""Restatement: what sources claim is stated again at other paths or of another aggregate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import structs

from ogpgraph.domain.aggregate import Claim
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.unit_of_work import Provenance
from ogpgraph.domain.values import Interval


def restated_claims(claims: Iterable[tuple[str, Claim]], provenance: Provenance) -> Iterator[tuple[Facts, Provenance]]:
    """Yield claims by path as facts, with the provenance under which each source states them again.

    The origin, the source, the language and the interval are those of the claims, so a restated claim competes with
    others as the original did. Claims without a value are left out.
    """
    grouped: dict[tuple[Origin, str | None, str | None, Interval], Facts] = defaultdict(dict)
    for path, claim in claims:
        if claim.value is not None:
            interval = Interval(before=claim.before, after=claim.after)
            grouped[claim.origin, claim.source, claim.language, interval][path] = claim.value
    for (origin, source, language, interval), facts in grouped.items():
        yield (
            facts,
            structs.replace(
                provenance,
                origin=origin,
                source=source,
                language=language,
                changed_between=interval,
                effective_on=None,
                evidence=(),
            ),
        )
