"""Mutations on what commitments are to each other: codes, mergers, splits, and what is carried forward."""

from __future__ import annotations

from typing import TypeVar

import strawberry

from ogpgraph.domain.errors import Invalid
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, carry_out, coded
from ogpgraph.graphql.mutations.commitments import COMMITMENT, UNKNOWN
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.mutations.members import LANGUAGE
from ogpgraph.graphql.payloads import CommitmentPayload
from ogpgraph.graphql.write_inputs import MOST_ITEMS, WriteInput, code_of, given, language_of

T = TypeVar("T")


@strawberry.input(description="Another code for a commitment.")
class RecodeCommitmentInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    code: str = strawberry.field(description="The new code.")


@strawberry.input(description="Commitments that turned out to be one.")
class MergeCommitmentsInput(WriteInput):
    commitments: list[str] = strawberry.field(description="The codes of those that are merged into the other.")
    into: str = strawberry.field(description="The code of the one that remains.")


@strawberry.input(description="A part of a commitment that turned out to be several.")
class CommitmentPartInput:
    code: str = strawberry.field(description="The part's code.")
    title: str = strawberry.field(description="Its title.")
    number: str | None = strawberry.field(default=strawberry.UNSET, description="Its number, as published.")


@strawberry.input(description="A commitment that turned out to be several.")
class SplitCommitmentInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    into: list[CommitmentPartInput] = strawberry.field(description="The parts: each becomes a commitment.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="What a commitment carries forward, and what carries it forward.")
class LinkCommitmentsInput(WriteInput):
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
        description=described(
            "recodeCommitment",
            "Gives a commitment another code; the former one keeps finding it.",
            f"{UNKNOWN}, and a code that another has or had",
        )
    )
    def recode_commitment(self, info: Info, input: RecodeCommitmentInput) -> CommitmentPayload:
        """Recode a commitment."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            desk.session.recode_commitment(code_of(input.commitment), code_of(input.code, "code"), desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "mergeCommitments",
            "Records that commitments are one: all their codes lead to the one that remains, each keeps its history.",
            "commitments that are not known, and such as are one already",
        )
    )
    def merge_commitments(self, info: Info, input: MergeCommitmentsInput) -> CommitmentPayload:
        """Merge commitments."""

        def commands(desk: Desk) -> None:
            codes = [code_of(code, "commitments") for code in _bounded(input.commitments, "commitments")]
            desk.open(code_of(input.into, "into"), *codes)
            desk.session.merge_commitments(codes, code_of(input.into, "into"), desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.into), commands))

    @strawberry.mutation(
        description=described(
            "splitCommitment",
            "Records that a commitment is several: each part becomes a commitment of the same plan, and tells where it "
            "is from.",
            f"{UNKNOWN}, fewer than two parts, and codes that are taken",
        )
    )
    def split_commitment(self, info: Info, input: SplitCommitmentInput) -> CommitmentPayload:
        """Split a commitment."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            language = language_of(input.language)
            parts = {
                code_of(part.code, "into"): desk.facts(part, "title", "number", language=language)
                for part in _bounded(input.into, "into")
            }
            if len(parts) < 2:
                raise Invalid("a commitment is split into two parts or more, each with a code of its own", "into")
            desk.session.split_commitment(code_of(input.commitment), parts, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "linkCommitments",
            "Links a commitment to those it carries forward and those that carry it forward, on both sides.",
            "commitments that are not known, a commitment linked to itself, and an input without links",
        )
    )
    def link_commitments(self, info: Info, input: LinkCommitmentsInput) -> CommitmentPayload:
        """Link commitments."""

        def commands(desk: Desk) -> None:
            before = _codes(input.predecessors, "predecessors")
            after = _codes(input.successors, "successors")
            desk.open(code_of(input.commitment), *before, *after)
            if not before and not after:
                raise Invalid("name at least one predecessor or successor", "predecessors")
            desk.session.link_commitments(code_of(input.commitment), before, after, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))


def _codes(codes: list[str] | None, field: str) -> list[str]:
    return [code_of(code, field) for code in _bounded(codes, field)] if codes and given(codes) else []


def _bounded(many: list[T], field: str) -> list[T]:
    if len(many) > MOST_ITEMS:
        raise Invalid(f"{field} has {len(many)} items; {MOST_ITEMS} are the most", field)
    return many
