"""The permissions that are derived from fields and commands are those of this table, which states them all at once."""

from __future__ import annotations

from ogpgraph.application.command_runner import PERMISSIONS
from ogpgraph.domain.roles import ADMINISTRATORS, GOVERNMENT, IRM, NOBODY, WRITERS, Roles


def _allow(roles: Roles, fields: str) -> dict[str, Roles]:
    return dict.fromkeys(fields.split(), roles)


EXPECTED: dict[str, dict[str, Roles]] = {
    "registerMember": _allow(ADMINISTRATORS, "code name language prefix type region joinedOn"),
    "changeMemberStatus": _allow(ADMINISTRATORS, "member status document"),
    "renameMember": _allow(ADMINISTRATORS, "member name language"),
    "registerActionPlan": _allow(GOVERNMENT, "member cycle title language startsOn endsOn"),
    "reviseActionPlan": _allow(GOVERNMENT, "actionPlan title language startsOn endsOn"),
    "concludeActionPlan": _allow(GOVERNMENT, "actionPlan endsOn"),
    "registerCommitment": _allow(
        GOVERNMENT,
        "code actionPlan number title description language leadInstitutions supportingInstitutions policyAreas "
        "startsOn endsOn",
    ),
    "reviseCommitment": _allow(
        GOVERNMENT,
        "commitment number title description language leadInstitutions supportingInstitutions policyAreas "
        "startsOn endsOn status",
    ),
    "translateCommitment": _allow(
        GOVERNMENT, "commitment language translationKind title description leadInstitutions supportingInstitutions"
    ),
    "recodeCommitment": _allow(ADMINISTRATORS, "commitment code"),
    "mergeCommitments": _allow(ADMINISTRATORS, "commitments into"),
    "splitCommitment": _allow(ADMINISTRATORS, "commitment into language"),
    "linkCommitments": _allow(GOVERNMENT, "commitment predecessors successors"),
    "unlinkCommitments": _allow(GOVERNMENT, "commitment predecessors successors"),
    "withdrawCommitment": _allow(GOVERNMENT, "commitment"),
    "addMilestone": _allow(GOVERNMENT, "commitment number title language startsOn endsOn"),
    "reviseMilestone": _allow(GOVERNMENT, "commitment number title language startsOn endsOn"),
    "reportMilestone": _allow(GOVERNMENT, "commitment number status report language"),
    "completeMilestone": _allow(GOVERNMENT, "commitment number report language"),
    "withdrawMilestone": _allow(GOVERNMENT, "commitment number"),
    "renumberMilestone": _allow(GOVERNMENT, "commitment number newNumber"),
    "recordRating": _allow(IRM, "commitment indicator stage ogpValue state value statedAs irmReport"),
    "withdrawRating": _allow(IRM, "commitment indicator stage ogpValue"),
    "recordNarrative": _allow(IRM, "commitment stage section text language"),
    "withdrawNarrative": _allow(IRM, "commitment stage section language"),
    "correct": {
        **_allow(WRITERS, "entry changes"),
        **_allow(ADMINISTRATORS, "member/prefix member/type member/region member/name member/joinedOn"),
        **_allow(ADMINISTRATORS, "member/status member/statusDocument member/category"),
        **_allow(NOBODY, "member/code"),
        **_allow(GOVERNMENT, "plan/title plan/startsOn plan/endsOn plan/status"),
        **_allow(ADMINISTRATORS, "plan/member plan/cycle plan/number plan/publishedId plan/durationYears"),
        **_allow(IRM, "plan/coCreation"),
        **_allow(NOBODY, "plan/code"),
        **_allow(GOVERNMENT, "commitment/number commitment/status commitment/title commitment/description"),
        **_allow(GOVERNMENT, "commitment/leadInstitutions commitment/supportingInstitutions commitment/policyAreas"),
        **_allow(GOVERNMENT, "commitment/startsOn commitment/endsOn commitment/milestones"),
        **_allow(
            ADMINISTRATORS,
            "commitment/actionPlan commitment/cycle commitment/listed commitment/policyAreasUnrecognised",
        ),
        **_allow(
            ADMINISTRATORS,
            "commitment/theme commitment/shortTitle commitment/planNumber commitment/policyAreasUndetermined",
        ),
        **_allow(ADMINISTRATORS, "commitment/database"),
        **_allow(IRM, "commitment/cluster commitment/clusterCommitments commitment/reportYears commitment/findings"),
        **_allow(IRM, "commitment/ratings commitment/narratives commitment/commitmentText commitment/irmReports"),
        # Codes, and links that are recorded on both sides, have mutations of their own.
        **_allow(NOBODY, "commitment/code commitment/codes commitment/key commitment/member"),
        **_allow(NOBODY, "commitment/predecessors commitment/successors"),
        **_allow(NOBODY, "commitment/mergedInto commitment/mergedFrom commitment/splitFrom commitment/splitInto"),
        **_allow(ADMINISTRATORS, "source/type source/code source/language source/url"),
        # Observations are facts of their time. The meaning of a code and the rights of an account have mutations.
        **_allow(
            NOBODY, "source/etag source/lastModified source/observations source/observedUnchanged source/rowsRead"
        ),
        **_allow(NOBODY, "code/aggregate account/roles account/reporterOf"),
    },
    "revertImport": _allow(ADMINISTRATORS, "correlationId dryRun"),
    "grantRights": _allow(ADMINISTRATORS, "account role members"),
    "revokeRights": _allow(ADMINISTRATORS, "account role members"),
}


def test_derived_permissions_are_those_of_the_table() -> None:
    assert {name: dict(rows) for name, rows in PERMISSIONS.items()} == EXPECTED
