"""A request with an idempotency key that a log holds from an earlier version is recognized when it is sent again."""

from __future__ import annotations

from ogpgraph.domain.values import TranslationKind
from ogpgraph.graphql.mutations import INPUT_TYPES
from ogpgraph.graphql.mutations.inputs import canonical_request


def test_hashed_request_keeps_the_first_names_of_renamed_fields() -> None:
    translate = INPUT_TYPES["translateCommitment"](
        idempotency_key="k1",
        commitment="FR0043",
        language="fr",
        translation_kind=TranslationKind.MACHINE,
        title="Titre",
    )
    assert canonical_request("translateCommitment", translate) == (
        '["translateCommitment",{"commitment":"FR0043","language":"fr","made":"MACHINE","title":"Titre"}]'
    )
