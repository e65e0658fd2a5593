"""The mutations of the schema, each noun's in a module of its own."""

from __future__ import annotations

import strawberry

from ogpgraph.graphql.mutations.accounts import AccountMutations
from ogpgraph.graphql.mutations.assessments import AssessmentMutations
from ogpgraph.graphql.mutations.commitments import CommitmentMutations
from ogpgraph.graphql.mutations.corrections import CorrectionMutations
from ogpgraph.graphql.mutations.lineage import LineageMutations
from ogpgraph.graphql.mutations.members import MemberMutations
from ogpgraph.graphql.mutations.milestones import MilestoneMutations


@strawberry.type(
    description="How the record is written. Nothing is overwritten: what was so before stays readable at its position."
)
class Mutation(
    MemberMutations,
    CommitmentMutations,
    LineageMutations,
    MilestoneMutations,
    AssessmentMutations,
    CorrectionMutations,
    AccountMutations,
):
    """Every mutation."""
