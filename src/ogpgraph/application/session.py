"""The session: the one place that every command is called on, whoever calls it."""

from __future__ import annotations

from ogpgraph.application.account_commands import AccountCommands
from ogpgraph.application.assessment_commands import AssessmentCommands
from ogpgraph.application.commitment_commands import CommitmentCommands
from ogpgraph.application.correction_commands import CorrectionCommands
from ogpgraph.application.member_commands import MemberCommands, PlanCommands
from ogpgraph.application.milestone_commands import MilestoneCommands
from ogpgraph.application.source_commands import SourceCommands
from ogpgraph.application.speaking import Records, checked_wording, evidence_for, news_of


class Session(
    MemberCommands,
    PlanCommands,
    CommitmentCommands,
    MilestoneCommands,
    AssessmentCommands,
    CorrectionCommands,
    SourceCommands,
    AccountCommands,
):
    """The commands, bound to one act; nothing is stored before the session ends."""


__all__ = ["Records", "Session", "checked_wording", "evidence_for", "news_of"]
