"""The registry of commands: all of them, by the names that GraphQL and the permissions have."""

from __future__ import annotations

from ogpgraph.domain.account import ACCOUNT_COMMANDS
from ogpgraph.domain.action_plan import ACTION_PLAN_COMMANDS
from ogpgraph.domain.command import CommandType
from ogpgraph.domain.commitment import COMMITMENT_COMMANDS
from ogpgraph.domain.correction import CORRECTION_COMMANDS
from ogpgraph.domain.lineage import LINEAGE_COMMANDS
from ogpgraph.domain.link import LINK_COMMANDS
from ogpgraph.domain.member import MEMBER_COMMANDS
from ogpgraph.domain.merger import MERGER_COMMANDS
from ogpgraph.domain.milestone import MILESTONE_COMMANDS
from ogpgraph.domain.narrative import NARRATIVE_COMMANDS
from ogpgraph.domain.renumbering import RENUMBERING_COMMANDS
from ogpgraph.domain.review import REVIEW_COMMANDS

COMMANDS: dict[str, CommandType] = {
    command.name: command
    for command in (
        *MEMBER_COMMANDS,
        *ACTION_PLAN_COMMANDS,
        *COMMITMENT_COMMANDS,
        *LINEAGE_COMMANDS,
        *MERGER_COMMANDS,
        *LINK_COMMANDS,
        *MILESTONE_COMMANDS,
        *RENUMBERING_COMMANDS,
        *REVIEW_COMMANDS,
        *NARRATIVE_COMMANDS,
        *CORRECTION_COMMANDS,
        *ACCOUNT_COMMANDS,
    )
}
