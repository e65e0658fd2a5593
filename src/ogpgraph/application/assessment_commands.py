"""Commands on what the IRM finds: ratings and narratives."""

from __future__ import annotations

from ogpgraph.application.acts import BY_PERSON, Basis
from ogpgraph.application.speaking import news_of
from ogpgraph.application.unsaying import Unsaying
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.event import Facts
from ogpgraph.domain.text import Wording
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, Stage


class AssessmentCommands(Unsaying):
    """What the IRM can record of a commitment."""

    def record_rating(
        self,
        code: str,
        indicator: Indicator,
        stage: Stage,
        rating: Rating,
        basis: Basis = BY_PERSON,
        ogp_value: OgpValue | None = None,
    ) -> None:
        """Record a rating of a commitment; raises NotFound, and Invalid for a value off the indicator's scale."""
        commitment = self.require("commitment", code)
        commitments.check_rating(indicator, rating)
        facts: Facts = {rating_path(indicator, stage, ogp_value): rating}
        self.record(commitment.id, commitments.changes_of(commitment, news_of(commitment, facts)), basis)

    def withdraw_rating(
        self,
        code: str,
        indicator: Indicator,
        stage: Stage,
        ogp_value: OgpValue | None = None,
        basis: Basis = BY_PERSON,
    ) -> None:
        """Take back a rating that people recorded; raises NotFound, and Conflict where a published page states it."""
        commitment = self.require("commitment", code)
        self.unsay(commitment.id, "RatingWithdrawn", [rating_path(indicator, stage, ogp_value)], basis)

    def record_narrative(
        self, code: str, stage: Stage, section: str, language: str, text: Wording, basis: Basis = BY_PERSON
    ) -> None:
        """Record a section of the IRM's text in a language; raises NotFound."""
        commitment = self.require("commitment", code)
        facts: Facts = {f"narratives/{stage}/{section}/{language}": text}
        self.say(commitment.id, "NarrativeRecorded", news_of(commitment, facts), basis)

    def withdraw_narrative(
        self, code: str, stage: Stage, section: str, language: str, basis: Basis = BY_PERSON
    ) -> None:
        """Take back a section that people recorded; raises NotFound, and Conflict where a published page states it."""
        commitment = self.require("commitment", code)
        self.unsay(commitment.id, "NarrativeWithdrawn", [f"narratives/{stage}/{section}/{language}"], basis)


def rating_path(indicator: Indicator, stage: Stage, ogp_value: OgpValue | None = None) -> str:
    """Return the path of a rating."""
    return "/".join(filter(None, ("ratings", indicator.value, stage.value, ogp_value and ogp_value.value)))
