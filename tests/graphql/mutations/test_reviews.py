"""Ratings and narratives are recorded, replaced and withdrawn."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import SampleSystem, kinds_of

pytestmark = BOTH_ENGINES


def test_later_rating_replaces_an_earlier_one_and_can_be_withdrawn(sample: SampleSystem) -> None:
    rating = {"commitment": "FR0001", "indicator": "COMPLETION", "stage": "RESULTS"}
    sample.reviewer.mutate("recordRating", **rating, value="LIMITED", statedAs="Limited")
    later = sample.reviewer.mutate("recordRating", **rating, value="COMPLETE")
    assert [each["value"] for each in later["commitment"]["ratings"]] == ["COMPLETE"]
    withdrawn = sample.reviewer.mutate("withdrawRating", **rating)
    assert withdrawn["commitment"]["ratings"] == []
    assert kinds_of(withdrawn) == ["RatingWithdrawn"]
    assert sample.reviewer.expect_refusal("withdrawRating", **rating)[0] == "NOT_FOUND"


def test_rating_about_one_ogp_value_does_not_replace_the_overall_rating(sample: SampleSystem) -> None:
    rating = {"commitment": "FR0001", "indicator": "DID_IT_OPEN_GOVERNMENT", "stage": "END_OF_TERM"}
    sample.reviewer.mutate("recordRating", **rating, value="MARGINAL")
    both = sample.reviewer.mutate("recordRating", **rating, value="MAJOR", ogpValue="CIVIC_PARTICIPATION")
    assert [(r["ogpValue"], r["value"]) for r in both["commitment"]["ratings"]] == [
        (None, "MARGINAL"),
        ("CIVIC_PARTICIPATION", "MAJOR"),
    ]


def test_rating_off_its_scale_or_without_a_value_is_refused(sample: SampleSystem) -> None:
    rating = {"commitment": "FR0001", "indicator": "AMBITION", "stage": "DESIGN"}
    assert sample.reviewer.expect_refusal("recordRating", **rating, value="MEDIUM") == ("INVALID", ["input", "value"])
    assert sample.reviewer.expect_refusal("recordRating", **rating)[0] == "INVALID"
    assert sample.reviewer.expect_refusal("recordRating", **rating, state="PENDING", value="HIGH")[0] == "INVALID"
    pending = sample.reviewer.mutate("recordRating", **rating, state="PENDING")
    assert pending["commitment"]["ratings"][0]["state"] == "PENDING"


def test_narrative_is_recorded_replaced_and_withdrawn(sample: SampleSystem) -> None:
    section = {"commitment": "FR0001", "stage": "DESIGN", "section": "NEXT_STEPS"}
    sample.reviewer.mutate("recordNarrative", **section, text="Do it.")
    replaced = sample.reviewer.mutate("recordNarrative", **section, text="Do it <b>well</b>.")
    assert replaced["commitment"]["narratives"] == [{"section": "NEXT_STEPS", "text": "Do it <b>well</b>."}]
    withdrawn = sample.reviewer.mutate("withdrawNarrative", **section)
    assert withdrawn["commitment"]["narratives"] == []
    assert kinds_of(withdrawn) == ["NarrativeWithdrawn"]
