"""The enums of the schema that come from the domain, with the description of each of their values.

`describe_enum` needs a description for every member, so a new member of a vocabulary cannot be forgotten here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import strawberry

from ogpgraph.domain import event, overdue, roles, values, vocabulary
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, RatingValue
from ogpgraph.readmodel.error_codes import ProjectionFailureCode


def describe_enum(enum: Any, name: str, description: str, members: Mapping[str, str]) -> None:
    """Give an enum its name and description in the schema, and each member its own; KeyError for one without."""
    strawberry.enum(enum, name=name, description=description)
    # Strawberry describes the members of its own enums only, and the domain does not depend on strawberry.
    for value in enum.__strawberry_definition__.values:
        value.description = members[value.name]


# The log

_EVENT_TYPES: Final = [each for aggregate in AGGREGATE_TYPES.values() for each in aggregate.event_types]
EntryKind = StrEnum("EntryKind", [(each.name, each.name) for each in _EVENT_TYPES])  # type: ignore[misc]  # not literal

describe_enum(
    EntryKind,
    "EntryKind",
    "The kind of event that an entry records, by its name in the log.",
    {each.name: each.description for each in _EVENT_TYPES},
)
describe_enum(
    event.Cause,
    "Cause",
    "Why a value differs from the value that was recorded before.",
    {
        "REPORTED": "Something happened, or something was stated for the first time.",
        "SOURCE_CHANGED": "The source states something else than when it was last observed.",
        "TRANSLATION": "A text became known in another language.",
        "CORRECTION": "The recorded value was wrong and was corrected.",
        "METHODOLOGY": "The IRM changed its method of assessment; the commitment itself did not change.",
        "EXTRACTION": "A newer version of the importer read the same content differently; nothing changed in the "
        "source.",
        "REDACTION": "A text was removed from the record by a decision that states its reason.",
    },
)
describe_enum(
    overdue.OverdueBasis,
    "OverdueBasis",
    "What it is judged by whether a commitment is overdue.",
    {
        "MILESTONES": "The due dates and statuses of its milestones.",
        "COMMITMENT": "Its own due date and its completion, because it has no milestones.",
    },
)
describe_enum(
    event.Origin,
    "Origin",
    "Where a fact was stated: by a person, or in which part of which kind of source.",
    {
        "PERSON": "By a person who has an account.",
        "HEADER": "In the fields at the top of a commitment's own page.",
        "DATABASE": "In a file of OGP's commitment database.",
        "PLAN": "In the parts of a commitment's page that repeat the action plan.",
        "DESCRIPTION": "In the government's own text on a commitment's page.",
        "NARRATIVE": "In the IRM's text on a commitment's page.",
        "SIBLING_LIST": "In the list of all of a member's commitments, which OGP prints on the page of each of them.",
        "REFERENCE": "In a reference table of this program, such as the table of members.",
    },
)
describe_enum(
    values.TranslationKind,
    "TranslationKind",
    "How a text in a language came about.",
    {
        "ORIGINAL": "It was written in this language.",
        "HUMAN": "A person translated it.",
        "MACHINE": "A machine translated it.",
        "UNKNOWN": "The source does not state it.",
    },
)
describe_enum(
    roles.Role,
    "Role",
    "What an account may do. Reading needs no role.",
    {
        "REPORTER": "Reports on the commitments and milestones of certain members.",
        "REVIEWER": "Records the findings of the IRM.",
        "ADMINISTRATOR": "Manages members, codes, corrections and accounts.",
    },
)

# The IRM's assessment of commitments

INDICATOR_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "VERIFIABLE": "Whether the objectives are clear and the activities can be verified objectively.",
    "SPECIFICITY": "How clear and measurable the activities are (plans submitted until 2017).",
    "RELEVANCE": "Whether it serves transparency, civic participation or public accountability.",
    "POTENTIAL_IMPACT": "How much it would change if it were implemented (plans submitted from 2012 to 2019).",
    "AMBITION": "The summary of POTENTIAL_IMPACT or POTENTIAL_FOR_RESULTS that newer commitment pages show.",
    "POTENTIAL_FOR_RESULTS": "How far-reaching its results could be (plans submitted since 2020).",
    "COMPLETION": "How much of it has been implemented.",
    "EARLY_RESULTS": "What it has changed so far (plans submitted since 2021). Before that, commitment pages used this "
    "name for DID_IT_OPEN_GOVERNMENT, so the values of that scale occur too.",
    "DID_IT_OPEN_GOVERNMENT": "How much it made government practice more open (plans submitted from 2013 to 2020).",
    "STARRED": "Whether the IRM awarded it a star as an exemplary commitment.",
}
describe_enum(
    Indicator,
    "Indicator",
    "An aspect of a commitment that the Independent Reporting Mechanism (IRM) rates. Ratings are listed in this order.",
    {
        indicator.name: f"{INDICATOR_DESCRIPTIONS[indicator.name]} Scale: {', '.join(VALUES_OF[indicator])}."
        for indicator in Indicator
    },
)
describe_enum(
    vocabulary.Stage,
    "Stage",
    "The point in the life of an action plan to which a rating, a report or a section of text refers.",
    {
        "DESIGN": "When the plan was submitted.",
        "MIDTERM": "Halfway through the plan's period.",
        "END_OF_TERM": "At the end of the plan's period.",
        "RESULTS": "When the IRM assessed the results, in whatever report.",
    },
)
describe_enum(
    vocabulary.RatingState,
    "RatingState",
    "Whether there is a value and, if not, why. If nothing at all was published, there is no rating.",
    {
        "RATED": "There is a value.",
        "PENDING": "The IRM has not assessed it yet.",
        "NOT_APPLICABLE": "The source states that it does not apply.",
        "NOT_REVIEWED": "The source states that it was not reviewed.",
        "NO_DATA": "The source states that there are no data, for example because the method of the time did not ask.",
        "UNRECOGNISED": "A text was published that the vocabulary does not contain; `statedAs` has it.",
    },
)

_RATING_VALUES: Final[Mapping[str, str]] = {
    "YES": "Yes.",
    "NO": "No.",
    "NONE": "None.",
    "LOW": "Low.",
    "MEDIUM": "Medium.",
    "HIGH": "High.",
    "MINOR": "An incremental but positive step.",
    "MODERATE": "Moderate; as potential impact, a major step that is limited in scale or scope.",
    "TRANSFORMATIVE": "A reform that could change business as usual.",
    "UNCLEAR": "Unclear.",
    "MODEST": "A positive but isolated step.",
    "SUBSTANTIAL": "Substantial; as potential for results, a lasting change of rules, practices or institutions.",
    "NO_EVIDENCE_AVAILABLE": "There is no evidence of progress.",
    "NOT_STARTED": "Not started.",
    "LIMITED": "Limited.",
    "COMPLETE": "Complete.",
    "WITHDRAWN": "The government withdrew it.",
    "WORSENS": "Government became less open.",
    "DID_NOT_CHANGE": "Government practice did not change.",
    "MARGINAL": "Some change, but minor.",
    "MAJOR": "A step forward that is limited in scope or scale.",
    "OUTSTANDING": "A reform that transformed the way government works.",
    "NO_EARLY_RESULTS_YET": "There were no early results to report yet.",
    "NO_NOTABLE_RESULTS": "There were no notable results.",
    "SIGNIFICANT": "Significant.",
    "INCREASE": "It increased.",
    "NO_CHANGE": "It did not change.",
    "DECREASE": "It decreased.",
}


def _describe_rating_value(value: RatingValue) -> str:
    scales = ", ".join(indicator for indicator, scale in VALUES_OF.items() if value in scale)
    return f"{_RATING_VALUES[value.name]} On the scale of {scales or 'the finding COMPLETION_CHANGE'}."


describe_enum(
    RatingValue,
    "RatingValue",
    "The value of a rating or finding, in the IRM's terms. Each indicator has a scale of its own.",
    {value.name: _describe_rating_value(value) for value in RatingValue},
)
describe_enum(
    vocabulary.OgpValue,
    "OgpValue",
    "A value of open government that a commitment can serve.",
    {
        "ACCESS_TO_INFORMATION": "Access to information.",
        "CIVIC_PARTICIPATION": "Civic participation.",
        "PUBLIC_ACCOUNTABILITY": "Public accountability.",
        "TECHNOLOGY_AND_INNOVATION": "Technology and innovation for transparency and accountability.",
    },
)
describe_enum(
    vocabulary.Finding,
    "FindingKind",
    "A statement of OGP's commitment database about a commitment, besides the IRM's indicators. The meanings are those "
    "of OGP's codebook. Unless noted otherwise, the value is YES or NO.",
    {
        "CARRIED_FORWARD": "Whether the member's next action plan carries it forward.",
        "COMPOUND": "Whether it consists of several activities that could be separate commitments.",
        "REVIEWED_IN_CLUSTER": "Whether the IRM's review of the plan assessed it together with other commitments.",
        "IRM_ASSESSED": "Whether the IRM had assessed it when the file was published.",
        "MIDTERM_ONLY": "Whether its completion was assessed at midterm only.",
        "COMPLETION_CHANGE": "The change of its completion between midterm and end of term: INCREASE, NO_CHANGE or "
        "DECREASE.",
        "PROJECTED_COMPLETION": "The completion that its own timetable provided for (plans submitted until 2013), on "
        "the scale of COMPLETION.",
        "STARRED_BEFORE_JUNE_2014": "Whether it had a star by the rule before June 2014: relevant to access to "
        "information, civic participation or public accountability; moderate or transformative potential impact; "
        "substantial or complete.",
        "STARRED_IN_2015": "Whether it had a star by the rule of 2015: that of STARRED_BEFORE_JUNE_2014, with medium "
        "or high specificity. The indicator STARRED follows the later rule, which requires transformative impact.",
        "NEW": "Whether it was new in its plan, not already under way (plans submitted until 2013).",
        "CONTACT_SPECIFIED": "Whether the plan names a point of contact.",
        "PUBLIC_INTEGRITY": "Whether it addresses OGP's grand challenge of increasing public integrity.",
        "PUBLIC_RESOURCES": "Whether it addresses the challenge of managing public resources more effectively.",
        "PUBLIC_SERVICES": "Whether it addresses the challenge of improving public services.",
        "CORPORATE_ACCOUNTABILITY": "Whether it addresses the challenge of increasing corporate accountability.",
        "SAFE_COMMUNITIES": "Whether it addresses the challenge of creating safer communities.",
        "OPEN_DATA_GROUP": "Whether it is in the field of OGP's working group on open data.",
        "FISCAL_OPENNESS_GROUP": "Whether it is in the field of the working group on fiscal openness.",
        "LEGISLATIVE_OPENNESS_GROUP": "Whether it is in the field of the working group on legislative openness.",
        "ACCESS_TO_INFORMATION_GROUP": "Whether it is in the field of the working group on access to information.",
        "NATURAL_RESOURCES_GROUP": "Whether it is in the field of the working group on openness in natural resources.",
    },
)

# Co-creation of action plans

describe_enum(
    vocabulary.CoCreation,
    "CoCreationKind",
    "An aspect of how the public took part in an action plan.",
    {
        "INFLUENCE_DURING_DEVELOPMENT": "The public's level of influence while the plan was developed, from "
        "NO_CONSULTATION to EMPOWER.",
        "INFLUENCE_DURING_IMPLEMENTATION": "The public's level of influence while the plan was implemented, from "
        "NO_CONSULTATION to EMPOWER.",
        "OPENNESS_DURING_DEVELOPMENT": "Who could take part in the development: OPEN or INVITATION_ONLY.",
        "OPENNESS_DURING_IMPLEMENTATION": "Who could take part in the implementation: OPEN or INVITATION_ONLY.",
        "REGULAR_FORUM": "Whether government and civil society met regularly: YES or NO.",
        "ACTED_ACCORDING_TO_PROCESS": "Whether the member met OGP's minimum requirements for co-creation: YES or NO.",
    },
)
describe_enum(
    vocabulary.CoCreationValue,
    "CoCreationValue",
    "The value of an aspect of co-creation, or why there is none.",
    {
        "NO_CONSULTATION": "The public was not consulted.",
        "INFORM": "The government informed the public about the plan.",
        "CONSULT": "The public could give its opinion.",
        "INVOLVE": "The government gave feedback on how it considered the public's contributions.",
        "COLLABORATE": "Government and public worked in a dialogue, and the public helped to set the agenda.",
        "EMPOWER": "The government gave decisions to the public.",
        "INVITATION_ONLY": "Only invited participants.",
        "OPEN": "Any interested party.",
        "YES": "Yes.",
        "NO": "No.",
        "PENDING": "The IRM has not assessed it yet.",
        "NOT_APPLICABLE": "It does not apply.",
        "NOT_REVIEWED": "It was not reviewed.",
        "NO_DATA": "There are no data: the method of the time did not ask.",
    },
)

# Statuses

describe_enum(
    vocabulary.CommitmentStatus,
    "CommitmentStatus",
    "Whether a commitment is being implemented.",
    {
        "ACTIVE": "It is being implemented.",
        "INACTIVE": "Its implementation has ended.",
        "WITHDRAWN": "The government withdrew it.",
        "SPLIT": "It was split: the parts in `splitInto` are implemented in its place. Lists, counts and facets leave "
        "it out unless a condition on `status` in their filter names SPLIT.",
    },
)
describe_enum(
    vocabulary.MilestoneStatus,
    "MilestoneStatus",
    "The progress of a milestone, in the terms of OGP's reporting template.",
    {
        "NOT_STARTED": "Not started.",
        "LIMITED": "Limited progress.",
        "SUBSTANTIAL": "Substantial progress.",
        "COMPLETE": "Completed.",
        "WITHDRAWN": "The government withdrew it.",
    },
)
describe_enum(
    vocabulary.MemberStatus,
    "MemberStatus",
    "The status of a member in the partnership, by a decision of OGP.",
    {
        "ACTIVE": "It participates fully.",
        "UNDER_PROCEDURAL_REVIEW": "It acted contrary to OGP's process and is under review.",
        "INACTIVE": "OGP made it inactive after a procedural review.",
        "SUSPENDED": "OGP suspended it.",
        "WITHDRAWN": "It left the partnership.",
    },
)
describe_enum(
    vocabulary.PlanStatus,
    "ActionPlanStatus",
    "Whether an action plan is being implemented.",
    {"ACTIVE": "It is being implemented.", "CONCLUDED": "Its implementation has ended."},
)

STATUSES: Final[Mapping[Any, str]] = {
    vocabulary.CommitmentStatus: "commitment",
    vocabulary.PlanStatus: "action plan",
    vocabulary.MemberStatus: "member",
    vocabulary.MilestoneStatus: "milestone",
}
"""The vocabularies of the statuses of things, with the things. Inputs have one of them each, outputs their union."""


def _describe_statuses() -> dict[str, str]:
    """Return the values of all statuses, each with what it means for the things that can have it."""
    meanings: dict[str, dict[str, list[str]]] = {}
    for enum, thing in STATUSES.items():
        for value in enum.__strawberry_definition__.values:
            meanings.setdefault(value.name, {}).setdefault(value.description, []).append(thing)
    return {
        name: " ".join(f"{' or '.join(things).capitalize()}: {_uncapitalize(text)}" for text, things in by_text.items())
        for name, by_text in meanings.items()
    }


def _uncapitalize(text: str) -> str:
    return text if text.startswith("OGP") else text[:1].lower() + text[1:]


_STATUS_DESCRIPTIONS: Final = _describe_statuses()
Status = StrEnum("Status", [(name, name) for name in _STATUS_DESCRIPTIONS])  # type: ignore[misc]  # not literal

describe_enum(
    Status,
    "Status",
    "The status of a commitment, action plan, member or milestone. `CommitmentStatus`, `ActionPlanStatus`, "
    "`MemberStatus` and `MilestoneStatus` have the values that each can have.",
    _STATUS_DESCRIPTIONS,
)

# Errors

describe_enum(
    RefusalCode,
    "ErrorCode",
    "Why a mutation was refused: stable, for programs to act on.",
    {each.name: each.meaning for each in RefusalCode},
)
describe_enum(
    ProjectionFailureCode,
    "ProjectorErrorCode",
    "Why an entry cannot be processed.",
    {each.name: each.meaning for each in ProjectionFailureCode},
)
