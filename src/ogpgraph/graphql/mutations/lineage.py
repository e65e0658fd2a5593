"""Mutations on what commitments are to each other: codes, mergers, splits, and what is carried forward."""

from __future__ import annotations

from typing import TypeVar

import strawberry

from ogpgraph.application.commands import commitments as commitment_commands
from ogpgraph.domain.errors import Invalid
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.commitments import COMMITMENT, UNKNOWN
from ogpgraph.graphql.mutations.context import MutationContext, by_code, run_mutation
from ogpgraph.graphql.mutations.descriptions import describe_mutation
from ogpgraph.graphql.mutations.inputs import MAX_ITEMS, MutationInput, is_set, normalize_code, normalize_language
from ogpgraph.graphql.mutations.members import LANGUAGE
from ogpgraph.graphql.mutations.payloads import CommitmentPayload

T = TypeVar("T")


@strawberry.input(description="Another code for a commitment.")
class RecodeCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    code: str = strawberry.field(description="The new code.")


@strawberry.input(description="Commitments that turned out to be one.")
class MergeCommitmentsInput(MutationInput):
    commitments: list[str] = strawberry.field(description="The codes of those that are merged into the other.")
    into: str = strawberry.field(description="The code of the one that remains.")


@strawberry.input(description="A part of a commitment that turned out to be several.")
class CommitmentPartInput:
    code: str = strawberry.field(description="The part's code.")
    title: str = strawberry.field(description="Its title.")
    number: str | None = strawberry.field(default=strawberry.UNSET, description="Its number, as published.")


@strawberry.input(description="A commitment that turned out to be several.")
class SplitCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    into: list[CommitmentPartInput] = strawberry.field(description="The parts: each becomes a commitment.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="What a commitment carries forward, and what carries it forward.")
class LinkCommitmentsInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    predecessors: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Codes of commitments that it carries forward."
    )
    successors: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Codes of commitments that carry it forward."
    )


@strawberry.type
class LineageMutations:
    """What is written of commitments in relation to each other."""

    @strawberry.mutation(
        description=describe_mutation(
            "recodeCommitment",
            "Gives a commitment another code; the former one keeps finding it.",
            f"{UNKNOWN}, and a code that another has or had",
        )
    )
    def recode_commitment(self, info: Info, input: RecodeCommitmentInput) -> CommitmentPayload:
        """Recode a commitment."""

        def commands(context: MutationContext) -> None:
            commitment = context.open_commitment(normalize_code(input.commitment))
            code = normalize_code(input.code, "code")
            commitment_commands.recode_commitment(context.uow, commitment, code, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "mergeCommitments",
            "Records that commitments are one: all their codes lead to the one that remains, each keeps its history.",
            "commitments that are not known, and such as are one already",
        )
    )
    def merge_commitments(self, info: Info, input: MergeCommitmentsInput) -> CommitmentPayload:
        """Merge commitments."""

        def commands(context: MutationContext) -> None:
            codes = [
                normalize_code(code, "commitments") for code in _check_item_count(input.commitments, "commitments")
            ]
            remaining, *merged = context.open_commitments(normalize_code(input.into, "into"), *codes)
            commitment_commands.merge_commitments(context.uow, merged, remaining, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.into), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "splitCommitment",
            "Records that a commitment is several: each part becomes a commitment of the same plan, and tells where it "
            "is from.",
            f"{UNKNOWN}, fewer than two parts, and codes that are taken",
        )
    )
    def split_commitment(self, info: Info, input: SplitCommitmentInput) -> CommitmentPayload:
        """Split a commitment."""

        def commands(context: MutationContext) -> None:
            commitment = context.open_commitment(normalize_code(input.commitment))
            language = normalize_language(input.language)
            parts = {
                normalize_code(part.code, "into"): context.facts_from(part, "title", "number", language=language)
                for part in _check_item_count(input.into, "into")
            }
            if len(parts) < 2:
                raise Invalid("a commitment is split into two parts or more, each with a code of its own", "into")
            commitment_commands.split_commitment(context.uow, commitment, parts, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "linkCommitments",
            "Links a commitment to those it carries forward and those that carry it forward, on both sides.",
            "commitments that are not known, a commitment linked to itself, and an input without links",
        )
    )
    def link_commitments(self, info: Info, input: LinkCommitmentsInput) -> CommitmentPayload:
        """Link commitments."""

        def commands(context: MutationContext) -> None:
            before = _codes(input.predecessors, "predecessors")
            after = _codes(input.successors, "successors")
            commitment, *others = context.open_commitments(normalize_code(input.commitment), *before, *after)
            if not before and not after:
                raise Invalid("name at least one predecessor or successor", "predecessors")
            predecessors, successors = others[: len(before)], others[len(before) :]
            commitment_commands.link_commitments(context.uow, commitment, predecessors, successors, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.commitment), commands))


def _codes(codes: list[str] | None, field: str) -> list[str]:
    return [normalize_code(code, field) for code in _check_item_count(codes, field)] if codes and is_set(codes) else []


def _check_item_count(many: list[T], field: str) -> list[T]:
    if len(many) > MAX_ITEMS:
        raise Invalid(f"{field} has {len(many)} items; {MAX_ITEMS} are the most", field)
    return many
