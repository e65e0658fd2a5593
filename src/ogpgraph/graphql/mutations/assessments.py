"""Mutations on what the IRM finds: ratings and narratives."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, carry_out, coded
from ogpgraph.graphql.mutations.commitments import COMMITMENT
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.mutations.members import LANGUAGE
from ogpgraph.graphql.payloads import CommitmentPayload
from ogpgraph.graphql.write_inputs import WriteInput, code_of, formed, given, language_of, words

_UNKNOWN = "a commitment that is not known"
_PUBLISHED = "what a published page states, which can be replaced but not withdrawn"


@strawberry.input(description="A rating by the IRM.")
class WithdrawRatingInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    indicator: Indicator = strawberry.field(description="What is rated.")
    stage: Stage = strawberry.field(description="At which point of the plan's life.")
    ogp_value: OgpValue | None = strawberry.field(
        default=strawberry.UNSET, description="Which OGP value it is about, where it is about one."
    )


@strawberry.input(description="What the IRM says of one indicator at one stage.")
class RecordRatingInput(WithdrawRatingInput):
    state: RatingState = strawberry.field(
        default=RatingState.RATED, description="Whether there is a value, and why not where there is none."
    )
    value: RatingValue | None = strawberry.field(
        default=strawberry.UNSET, description="The value, exactly where the state is RATED, on the indicator's scale."
    )
    stated_as: str | None = strawberry.field(default=strawberry.UNSET, description="The words as published.")
    irm_report: str | None = strawberry.field(default=strawberry.UNSET, description="The IRM report it rests on.")


@strawberry.input(description="A section of the IRM's text on a commitment.")
class WithdrawNarrativeInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    stage: Stage = strawberry.field(description="The stage that the text is about.")
    section: str = strawberry.field(description="The section's name in capitals, such as NEXT_STEPS.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="A section of the IRM's text on a commitment, in one language.")
class RecordNarrativeInput(WithdrawNarrativeInput):
    text: str = strawberry.field(description="The text. Markup is kept as the text it is.")


@strawberry.type
class AssessmentMutations:
    """What the IRM writes."""

    @strawberry.mutation(
        description=described(
            "recordRating",
            "Records what the IRM says of one indicator at one stage; a later assessment replaces the earlier one, "
            "which stays in the history.",
            f"{_UNKNOWN}, a value off the indicator's scale, and a value where the state is not RATED",
        )
    )
    def record_rating(self, info: Info, input: RecordRatingInput) -> CommitmentPayload:
        """Record a rating."""

        def commands(desk: Desk) -> None:
            code = code_of(input.commitment)
            desk.open(code)
            desk.session.record_rating(
                code, input.indicator, input.stage, _rating(desk, input), desk.basis, _ogp_value(input)
            )

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "withdrawRating",
            "Takes back a rating that a reviewer recorded, without another in its place.",
            f"{_UNKNOWN}, a rating that is not recorded, and {_PUBLISHED}",
        )
    )
    def withdraw_rating(self, info: Info, input: WithdrawRatingInput) -> CommitmentPayload:
        """Withdraw a rating."""

        def commands(desk: Desk) -> None:
            code = code_of(input.commitment)
            desk.open(code)
            desk.session.withdraw_rating(code, input.indicator, input.stage, _ogp_value(input), desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "recordNarrative",
            "Records a section of the IRM's text in one language; a later text replaces the earlier one, which stays "
            "in the history.",
            f"{_UNKNOWN}, and a text that is empty or too long",
        )
    )
    def record_narrative(self, info: Info, input: RecordNarrativeInput) -> CommitmentPayload:
        """Record a narrative."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            section, language = formed(input.section, "section"), language_of(input.language)
            text = desk.wording(input.text, "text")
            code = code_of(input.commitment)
            desk.session.record_narrative(code, input.stage, section, language, text, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "withdrawNarrative",
            "Takes back a section of text that a reviewer recorded, in one language.",
            f"{_UNKNOWN}, a section that is not recorded, and {_PUBLISHED}",
        )
    )
    def withdraw_narrative(self, info: Info, input: WithdrawNarrativeInput) -> CommitmentPayload:
        """Withdraw a narrative."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            section, language = formed(input.section, "section"), language_of(input.language)
            desk.session.withdraw_narrative(code_of(input.commitment), input.stage, section, language, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))


def _rating(desk: Desk, sent: RecordRatingInput) -> Rating:
    def word(text: str | None, field: str) -> str | None:
        return desk.session.word(words(str(text), field)) if given(text) else None

    value = sent.value if given(sent.value) else None
    return Rating(sent.state, value, word(sent.stated_as, "statedAs"), word(sent.irm_report, "irmReport"))


def _ogp_value(sent: WithdrawRatingInput) -> OgpValue | None:
    return sent.ogp_value if given(sent.ogp_value) else None
