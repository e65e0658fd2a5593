"""Mutations of how commitments relate to each other: codes, mergers, splits, and what is carried forward."""

from __future__ import annotations

import strawberry

from ogpgraph.application.translation import validate_item_count
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.lineage import link_commitments, merge_commitments, recode_commitment, split_commitment
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.commitments import UNKNOWN_COMMITMENT, CommitmentPayload
from ogpgraph.graphql.mutations.context import MutationContext, by_code, mutation, run_mutation
from ogpgraph.graphql.mutations.inputs import (
    COMMITMENT,
    LANGUAGE,
    NOT_RECORDED,
    MutationInput,
    normalize_commitment_code,
    normalize_commitment_codes,
    optional,
)

_UNKNOWN_COMMITMENTS = "if one of the commitments is unknown"


@strawberry.input(description="Another code for a commitment.")
class RecodeCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    code: str = strawberry.field(
        description="The new code: two to four letters and four digits, such as `FR0043`. A former code of the same "
        "commitment can be its code again."
    )


@strawberry.input(description="Commitments that turned out to be one.")
class MergeCommitmentsInput(MutationInput):
    commitments: list[str] = strawberry.field(
        description="The commitments that are merged into the other, by their codes; at most 200."
    )
    into: str = strawberry.field(
        description="The commitment that remains, by its code. `expectedRevision` is that of this one."
    )


@strawberry.input(description="One of the commitments that a commitment is split into.")
class CommitmentPartInput:
    code: str = strawberry.field(description="The code of the part, such as `FR0044`.")
    title: str = strawberry.field(description="The title.")
    number: str | None = optional(f"The number in the action plan, as published. {NOT_RECORDED}")


@strawberry.input(description="A commitment that turned out to be several.")
class SplitCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    into: list[CommitmentPartInput] = strawberry.field(
        description="The parts, 2 to 200; each becomes a commitment of the same action plan."
    )
    language: str | None = optional(LANGUAGE)


@strawberry.input(
    description="The commitments of other action plans that a commitment continues or is continued by; at least one."
)
class LinkCommitmentsInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    predecessors: list[str] | None = optional(
        "The commitments that it carries forward, by their codes; they are added to those recorded. Omitted or null: "
        "none."
    )
    successors: list[str] | None = optional(
        "The commitments that carry it forward, by their codes; they are added to those recorded. Omitted or null: "
        "none."
    )


@strawberry.type
class LineageMutations:
    @mutation(
        "Records another code for a commitment. It can still be found by the former one.",
        not_found=UNKNOWN_COMMITMENT,
        conflict="if the code is or was that of another commitment",
    )
    def recode_commitment(self, info: Info, input: RecodeCommitmentInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _recode_commitment))

    @mutation(
        "Records that some commitments are the same as another one. Their codes then lead to the one that remains; "
        "each keeps its own history.",
        not_found=_UNKNOWN_COMMITMENTS,
        invalid="if the commitments are the same already",
    )
    def merge_commitments(self, info: Info, input: MergeCommitmentsInput) -> CommitmentPayload:
        find = by_code("commitment", input.into)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _merge_commitments))

    @mutation(
        "Records that a commitment is several. Each part becomes a new commitment of the same action plan, and refers "
        "to the commitment that it was part of.",
        not_found=UNKNOWN_COMMITMENT,
        invalid="if there are fewer than two parts with different codes",
        conflict="if one of the codes is taken",
    )
    def split_commitment(self, info: Info, input: SplitCommitmentInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _split_commitment))

    @mutation(
        "Records which commitments a commitment carries forward, and which ones carry it forward. Both ends of each "
        "link show it.",
        not_found=_UNKNOWN_COMMITMENTS,
        invalid="if there is no link, or one from the commitment to itself",
    )
    def link_commitments(self, info: Info, input: LinkCommitmentsInput) -> CommitmentPayload:
        find = by_code("commitment", input.commitment)
        return CommitmentPayload(outcome=run_mutation(info, input, find, _link_commitments))


def _recode_commitment(context: MutationContext, input: RecodeCommitmentInput) -> None:
    commitment = context.open_commitment(input.commitment)
    code = normalize_commitment_code(input.code, "code")
    recode_commitment(context.uow, commitment, code, context.provenance)


def _merge_commitments(context: MutationContext, input: MergeCommitmentsInput) -> None:
    codes = normalize_commitment_codes(input.commitments, "commitments")
    remaining, *merged = context.open_commitments([normalize_commitment_code(input.into, "into"), *codes])
    merge_commitments(context.uow, merged, remaining, context.provenance)


def _split_commitment(context: MutationContext, input: SplitCommitmentInput) -> None:
    commitment = context.open_commitment(input.commitment)
    parts = {
        normalize_commitment_code(part.code, "into"): context.facts(
            "commitment", part, "title", "number", language=input.language
        )
        for part in validate_item_count(input.into, "into")
    }
    if len(parts) < 2:
        raise Invalid("a commitment is split into two parts or more, each with its own code", "into")
    split_commitment(context.uow, commitment, parts, context.provenance)


def _link_commitments(context: MutationContext, input: LinkCommitmentsInput) -> None:
    before = normalize_commitment_codes(input.predecessors, "predecessors")
    after = normalize_commitment_codes(input.successors, "successors")
    commitment, *others = context.open_commitments([normalize_commitment_code(input.commitment), *before, *after])
    if not others:
        raise Invalid("the input links nothing: name a predecessor or a successor", "predecessors")
    predecessors, successors = others[: len(before)], others[len(before) :]
    link_commitments(context.uow, commitment, predecessors, successors, context.provenance)
