"""Commitments are revised, translated and withdrawn."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import MutationClient, SampleSystem

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


AS_OF_2019 = """{ asOf(date: "2019") { commitment(code: "FR0001") {
  description ratings { value } milestones { status } narratives { text }
} } }"""


def test_what_was_so_earlier_than_is_recorded_is_recorded(sample: SampleSystem) -> None:
    commitment = {"commitment": "FR0001"}
    said: list[tuple[MutationClient, str, dict[str, str]]] = [
        (sample.reporter, "reviseCommitment", {"description": "A text"}),
        (sample.reporter, "completeMilestone", {"number": "1.1"}),
        (sample.reviewer, "recordRating", {"indicator": "COMPLETION", "stage": "RESULTS", "value": "LIMITED"}),
        (sample.reviewer, "recordNarrative", {"stage": "RESULTS", "section": "NEXT_STEPS", "text": "Go on."}),
    ]
    for client, mutation, what in said:
        client.mutate(mutation, **commitment, **what)
    for client, mutation, what in said:
        repeated = client.mutate(mutation, **commitment, **what, effectiveOn="2018")
        assert (len(repeated["entries"]), repeated["changesPresent"]) == (1, False)
        for date in ("2018", "2019"):
            assert client.mutate(mutation, **commitment, **what, effectiveOn=date)["entries"] == []
    assert execute_query(sample.system, AS_OF_2019)["asOf"]["commitment"] == {
        "description": "A text",
        "ratings": [{"value": "LIMITED"}],
        "milestones": [{"status": "COMPLETE"}],
        "narratives": [{"text": "Go on."}],
    }
