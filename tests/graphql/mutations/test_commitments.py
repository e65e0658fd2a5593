"""Commitments are revised, translated and withdrawn."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import SampleSystem

pytestmark = BOTH_ENGINES


def test_commitment_is_revised_translated_and_withdrawn(sample: SampleSystem) -> None:
    revised = sample.reporter.mutate(
        "reviseCommitment",
        commitment="FR0001",
        policyAreas=["gender", "Open Data"],
        leadInstitutions=["Etalab"],
        startsOn="2021-S1",
    )
    assert revised["commitment"]["policyAreas"] == ["Gender", "Open Data"]
    assert revised["commitment"]["leadInstitutions"] == ["Etalab"]
    translated = sample.reporter.mutate("translateCommitment", commitment="FR0001", language="fr", title="Engagement 1")
    assert translated["entries"][0]["cause"] == "TRANSLATION"
    assert translated["commitment"]["languages"] == ["en", "fr"]
    withdrawn = sample.reporter.mutate("withdrawCommitment", commitment="FR0001")
    assert withdrawn["commitment"]["status"] == "WITHDRAWN"
    assert sample.reporter.mutate("withdrawCommitment", commitment="FR0001")["entries"] == []
