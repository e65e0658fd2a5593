"""Mutations of the IRM's reviews: ratings of a commitment, and narratives about it."""

from __future__ import annotations

import strawberry

from ogpgraph.application.translation import RatingInput, to_rating
from ogpgraph.domain.review import record_narrative, record_rating, withdraw_narrative, withdraw_rating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.commitments import UNKNOWN_COMMITMENT, CommitmentPayload
from ogpgraph.graphql.mutations.context import MutationContext, by_code, mutation, run_mutation
from ogpgraph.graphql.mutations.inputs import (
    COMMITMENT,
    LANGUAGE,
    NOT_RECORDED,
    MutationInput,
    none_if_unset,
    normalize_language,
    optional,
    validate_format,
)

_PUBLISHED = "if a published page states it: it can be replaced, but not withdrawn"


@strawberry.input(description="A rating that is withdrawn.")
class WithdrawRatingInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    indicator: Indicator = strawberry.field(description="The indicator that is rated.")
    stage: Stage = strawberry.field(description="The stage of the action plan at which it is rated.")
    ogp_value: OgpValue | None = optional(
        "The OGP value that the rating is about. Omitted or null: the overall rating."
    )


@strawberry.input(description="The IRM's rating of a commitment by one indicator at one stage.")
class RecordRatingInput(WithdrawRatingInput):
    state: RatingState = strawberry.field(
        default=RatingState.RATED, description="Whether there is a value; if there is none, why. Default: `RATED`."
    )
    value: RatingValue | None = optional(
        "The value, on the indicator's scale. Needed with the state `RATED`; omitted or null with any other state."
    )
    stated_as: str | None = optional(f"The rating as published. {NOT_RECORDED}")
    irm_report: str | None = optional(f"The IRM report that states it, by its title or address. {NOT_RECORDED}")


@strawberry.input(description="A section of the IRM's text, in one language, that is withdrawn.")
class WithdrawNarrativeInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    stage: Stage = strawberry.field(description="The stage that the text is about.")
    section: str = strawberry.field(
        description="The name of the section, such as `NEXT_STEPS`: capitals, digits and underscores."
    )
    language: str | None = optional(LANGUAGE)


@strawberry.input(description="A section of the IRM's text on a commitment, in one language.")
class RecordNarrativeInput(WithdrawNarrativeInput):
    text: str = strawberry.field(description="The text, up to 100,000 characters. Markup is not interpreted.")


@strawberry.type
class ReviewMutations:
    @mutation(
        "Records the IRM's rating of a commitment by one indicator at one stage. It replaces an earlier rating, which "
        "stays in the history.",
        not_found=UNKNOWN_COMMITMENT,
        invalid="if the value is not on the indicator's scale, is missing with the state `RATED`, or is present with "
        "another state",
    )
    def record_rating(self, info: Info, input: RecordRatingInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _record_rating))

    @mutation(
        "Withdraws a rating that reviewers recorded. It stays in the history.",
        not_found="if the commitment is unknown or has no such rating",
        conflict=_PUBLISHED,
    )
    def withdraw_rating(self, info: Info, input: WithdrawRatingInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _withdraw_rating))

    @mutation(
        "Records a section of the IRM's text on a commitment, in one language. It replaces an earlier text, which "
        "stays in the history.",
        not_found=UNKNOWN_COMMITMENT,
        invalid="if the text is empty or too long, or the section is not a name in capitals",
    )
    def record_narrative(self, info: Info, input: RecordNarrativeInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _record_narrative))

    @mutation(
        "Withdraws a section of text that reviewers recorded, in one language. It stays in the history.",
        not_found="if the commitment is unknown or has no such section in this language",
        conflict=_PUBLISHED,
    )
    def withdraw_narrative(self, info: Info, input: WithdrawNarrativeInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _withdraw_narrative))


def _record_rating(context: MutationContext, input: RecordRatingInput) -> None:
    commitment = context.open_commitment(input.commitment)
    rating = RatingInput(
        input.state, none_if_unset(input.value), none_if_unset(input.stated_as), none_if_unset(input.irm_report)
    )
    stored = to_rating(context.uow, rating)
    indicator, stage, ogp_value = input.indicator, input.stage, none_if_unset(input.ogp_value)
    record_rating(context.uow, commitment, indicator, stage, stored, ogp_value, context.provenance)


def _withdraw_rating(context: MutationContext, input: WithdrawRatingInput) -> None:
    commitment = context.open_commitment(input.commitment)
    indicator, stage, ogp_value = input.indicator, input.stage, none_if_unset(input.ogp_value)
    withdraw_rating(context.uow, commitment, indicator, stage, ogp_value, context.provenance)


def _record_narrative(context: MutationContext, input: RecordNarrativeInput) -> None:
    commitment = context.open_commitment(input.commitment)
    section, language = validate_format(input.section, "section"), normalize_language(input.language)
    text = context.text_value(input.text, "text")
    record_narrative(context.uow, commitment, input.stage, section, language, text, context.provenance)


def _withdraw_narrative(context: MutationContext, input: WithdrawNarrativeInput) -> None:
    commitment = context.open_commitment(input.commitment)
    section, language = validate_format(input.section, "section"), normalize_language(input.language)
    withdraw_narrative(context.uow, commitment, input.stage, section, language, context.provenance)
