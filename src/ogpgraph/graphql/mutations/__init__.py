"""The mutations of the schema: one module for each group, on the common ground of `context` and `inputs`."""

from __future__ import annotations

import strawberry

from ogpgraph.graphql.mutations.accounts import AccountMutations
from ogpgraph.graphql.mutations.commitments import CommitmentMutations
from ogpgraph.graphql.mutations.corrections import CorrectionMutations
from ogpgraph.graphql.mutations.lineage import LineageMutations
from ogpgraph.graphql.mutations.members import MemberMutations
from ogpgraph.graphql.mutations.milestones import MilestoneMutations
from ogpgraph.graphql.mutations.reviews import ReviewMutations


@strawberry.type(
    description="Mutations record changes. Nothing is overwritten: what was recorded before stays readable at its "
    "position. Recording what is recorded already adds no entry.\n\n"
    "A refused mutation records nothing; `errors` of its payload says why. Each mutation names its own refusals; any "
    "mutation can be refused with `UNAUTHENTICATED` without a valid token, `FORBIDDEN` if no role of the account "
    "permits it, `RATE_LIMITED` after too many mutations within a minute, `STALE_REVISION` if the object has changed "
    "since `expectedRevision`, `IDEMPOTENCY_KEY_REUSED` if the key came with another input, `INVALID` or `NOT_FOUND` "
    "for a value that cannot be recorded or a source that does not exist, and `CONFLICT` if concurrent changes of the "
    "same objects prevent it."
)
class Mutation(
    MemberMutations,
    CommitmentMutations,
    LineageMutations,
    MilestoneMutations,
    ReviewMutations,
    CorrectionMutations,
    AccountMutations,
):
    """All mutations."""
