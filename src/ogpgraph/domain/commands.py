"""The registry of commands: all of them, by the names that GraphQL and the permissions have."""

from __future__ import annotations

from ogpgraph.domain.account import GRANT_RIGHTS, REVOKE_RIGHTS
from ogpgraph.domain.action_plan import CONCLUDE_ACTION_PLAN, REGISTER_ACTION_PLAN, REVISE_ACTION_PLAN
from ogpgraph.domain.command import CommandType
from ogpgraph.domain.commitment import (
    REGISTER_COMMITMENT,
    REVISE_COMMITMENT,
    TRANSLATE_COMMITMENT,
    WITHDRAW_COMMITMENT,
)
from ogpgraph.domain.correction import CORRECT, REVERT_IMPORT
from ogpgraph.domain.lineage import LINK_COMMITMENTS, MERGE_COMMITMENTS, RECODE_COMMITMENT, SPLIT_COMMITMENT
from ogpgraph.domain.member import CHANGE_MEMBER_STATUS, REGISTER_MEMBER, RENAME_MEMBER
from ogpgraph.domain.milestone import (
    ADD_MILESTONE,
    COMPLETE_MILESTONE,
    REPORT_MILESTONE,
    REVISE_MILESTONE,
    WITHDRAW_MILESTONE,
)
from ogpgraph.domain.review import RECORD_NARRATIVE, RECORD_RATING, WITHDRAW_NARRATIVE, WITHDRAW_RATING

COMMANDS: dict[str, CommandType] = {
    command.name: command
    for command in (
        REGISTER_MEMBER,
        CHANGE_MEMBER_STATUS,
        RENAME_MEMBER,
        REGISTER_ACTION_PLAN,
        REVISE_ACTION_PLAN,
        CONCLUDE_ACTION_PLAN,
        REGISTER_COMMITMENT,
        REVISE_COMMITMENT,
        TRANSLATE_COMMITMENT,
        WITHDRAW_COMMITMENT,
        RECODE_COMMITMENT,
        MERGE_COMMITMENTS,
        SPLIT_COMMITMENT,
        LINK_COMMITMENTS,
        ADD_MILESTONE,
        REVISE_MILESTONE,
        REPORT_MILESTONE,
        COMPLETE_MILESTONE,
        WITHDRAW_MILESTONE,
        RECORD_RATING,
        WITHDRAW_RATING,
        RECORD_NARRATIVE,
        WITHDRAW_NARRATIVE,
        CORRECT,
        REVERT_IMPORT,
        GRANT_RIGHTS,
        REVOKE_RIGHTS,
    )
}
