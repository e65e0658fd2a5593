"""What words of the schema mean where strawberry has no place to say it: values of enums, arguments of many fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES

ARGUMENT_DESCRIPTIONS: dict[str, str] = {
    "where": "Only those of which this holds; left out, all.",
    "orderBy": "By what they are sorted, the first step first; left out, by code.",
    "position": "The number of the entry.",
    "input": "What is to be recorded, and why.",
}
"""Arguments that mean the same wherever they stand."""

_CHANGED = "By the position of the last change."

ENUM_VALUE_DESCRIPTIONS: dict[str, dict[str, str]] = {
    "EntryKind": {kind.name: kind.description for noun in AGGREGATE_TYPES.values() for kind in noun.event_types},
    "Cause": {
        "REPORTED": "It was said for the first time, or something happened.",
        "SOURCE_CHANGED": "The source says otherwise than when it was last seen.",
        "TRANSLATION": "It became known in another language.",
        "CORRECTION": "What was recorded was wrong, and is put right.",
        "METHODOLOGY": "The method by which it is judged changed, not the thing.",
        "EXTRACTION": "The same bytes, read otherwise by a newer version of our reader: the world did not change.",
        "REDACTION": "Words were removed from the record, on a decision that names its ground.",
    },
    "Origin": {
        "PERSON": "Stated by a person with an account.",
        "HEADER": "In the fields at the head of a commitment's own page.",
        "DATABASE": "In a file of OGP's commitments database.",
        "PLAN": "In the parts of the page that repeat the action plan.",
        "DESCRIPTION": "In the government's own text on the page.",
        "NARRATIVE": "In the IRM's prose.",
        "SIBLING_LIST": "In the list of a member's commitments that stands on each of their pages.",
        "REFERENCE": "In a table that this program brings along.",
    },
    "TranslationKind": {
        "ORIGINAL": "As it was written.",
        "HUMAN": "Translated by a person.",
        "MACHINE": "Translated by a machine.",
        "UNKNOWN": "Nobody said how.",
    },
    "Indicator": {
        "VERIFIABLE": "Whether it can be checked that the commitment was kept.",
        "SPECIFICITY": "How exactly it says what will be done (plans until 2017).",
        "RELEVANCE": "Whether it serves the values of open government.",
        "POTENTIAL_IMPACT": "How much it would change if it were kept (plans from 2012 to 2019).",
        "AMBITION": "How much it dares, as pages sum up its potential impact or for results.",
        "POTENTIAL_FOR_RESULTS": "How far-reaching its results could be (plans since 2020).",
        "COMPLETION": "How far it has been carried out.",
        "EARLY_RESULTS": "What has changed already (plans since 2021; pages used the name before for what follows).",
        "DID_IT_OPEN_GOVERNMENT": "Whether it made government more open (plans from 2013 to 2020).",
        "STARRED": "Whether the IRM gave it a star.",
    },
    "CoCreationKind": {
        "INFLUENCE_DURING_DEVELOPMENT": "How much the public could influence the plan while it was made.",
        "INFLUENCE_DURING_IMPLEMENTATION": "How much it could while the plan was carried out.",
        "OPENNESS_DURING_DEVELOPMENT": "Whether anybody could take part in making it, or only who was invited.",
        "OPENNESS_DURING_IMPLEMENTATION": "Whether anybody could take part in carrying it out.",
        "REGULAR_FORUM": "Whether government and civil society met regularly about it.",
        "ACTED_ACCORDING_TO_PROCESS": "Whether the member met OGP's minimum requirements of co-creation.",
    },
    "CoCreationValue": {
        "NO_CONSULTATION": "The public was not asked.",
        "INFORM": "The public was told what was in the plan.",
        "CONSULT": "The public could give its views.",
        "INVOLVE": "The government answered how it took these views into account.",
        "COLLABORATE": "There was a dialogue, and the public helped to set the agenda.",
        "EMPOWER": "The public decided.",
        "INVITATION_ONLY": "Only who was invited.",
        "OPEN": "Any interested party.",
        "YES": "Yes.",
        "NO": "No.",
        "PENDING": "The IRM has not said yet.",
        "NOT_APPLICABLE": "It does not apply.",
        "NOT_REVIEWED": "It was not reviewed.",
        "NO_DATA": "It was not asked under the method of its time.",
    },
    "FindingKind": {
        "CARRIED_FORWARD": "Whether the next plan carries it forward.",
        "COMPOUND": "Whether it promises several things that could be commitments of their own.",
        "REVIEWED_IN_CLUSTER": "Whether the IRM's review of the plan judged it together with others, as one.",
        "IRM_ASSESSED": "Whether the IRM had assessed it when the file was made.",
        "MIDTERM_ONLY": "Whether only the report half-way through its plan judged how far it came.",
        "COMPLETION_CHANGE": "Whether completion grew from the midterm to the end of term.",
        "PROJECTED_COMPLETION": "How far it should have been by its own timetable (plans until 2013).",
        "STARRED_BEFORE_JUNE_2014": "A star by the rule of before June 2014: relevant to access, participation or "
        "accountability, of moderate or transformative impact, and substantially or wholly completed.",
        "STARRED_IN_2015": "A star by the rule of the reports of 2015: that of before, and of medium or high "
        "specificity. The indicator STARRED is the rule since then, which wants transformative impact.",
        "NEW": "Whether it was new with its plan and not under way before (plans until 2013).",
        "CONTACT_SPECIFIED": "Whether the plan names whom to ask.",
        "PUBLIC_INTEGRITY": "Whether it takes up OGP's challenge of public integrity.",
        "PUBLIC_RESOURCES": "Whether it takes up the challenge of managing public resources.",
        "PUBLIC_SERVICES": "Whether it takes up the challenge of public services.",
        "CORPORATE_ACCOUNTABILITY": "Whether it takes up the challenge of corporate accountability.",
        "SAFE_COMMUNITIES": "Whether it takes up the challenge of safer communities.",
        "OPEN_DATA_GROUP": "Whether OGP's working group on open data had it in its field.",
        "FISCAL_OPENNESS_GROUP": "Whether the working group on fiscal openness had.",
        "LEGISLATIVE_OPENNESS_GROUP": "Whether the working group on legislative openness had.",
        "ACCESS_TO_INFORMATION_GROUP": "Whether the working group on access to information had.",
        "NATURAL_RESOURCES_GROUP": "Whether the working group on openness in natural resources had.",
    },
    "Stage": {
        "DESIGN": "When the plan was handed in.",
        "MIDTERM": "Half-way through the plan.",
        "END_OF_TERM": "At the end of the plan.",
        "RESULTS": "When its results were judged, whatever the report is called.",
    },
    "RatingState": {
        "RATED": "There is a value.",
        "PENDING": "The IRM has not judged it yet.",
        "NOT_APPLICABLE": "The IRM says that the indicator does not apply.",
        "NOT_REVIEWED": "The IRM says that it does not review it.",
        "NO_DATA": "The IRM says that it has no data.",
        "UNRECOGNISED": "Something is said that no vocabulary knows; `statedAs` has the words.",
    },
    "RatingValue": {
        "YES": "Yes: of verifiability, relevance and stars.",
        "NO": "No: of verifiability, relevance and stars.",
        "NONE": "None: of specificity and potential impact.",
        "LOW": "Low: of specificity and ambition.",
        "MEDIUM": "Medium: of specificity.",
        "HIGH": "High: of specificity and ambition.",
        "MINOR": "Minor: of potential impact.",
        "MODERATE": "Moderate: of potential impact and of early results.",
        "TRANSFORMATIVE": "Transformative: of potential impact.",
        "UNCLEAR": "Unclear: of potential impact, potential for results and completion.",
        "MODEST": "Modest: of potential for results.",
        "SUBSTANTIAL": "Substantial: of potential for results and completion.",
        "NO_EVIDENCE_AVAILABLE": "No evidence available: of completion.",
        "NOT_STARTED": "Not started: of completion.",
        "LIMITED": "Limited: of completion.",
        "COMPLETE": "Complete: of completion.",
        "WITHDRAWN": "Withdrawn: of completion.",
        "WORSENS": "It worsened: of openness and early results.",
        "DID_NOT_CHANGE": "It did not change: of openness and early results.",
        "MARGINAL": "Marginal: of openness and early results.",
        "MAJOR": "Major: of openness and early results.",
        "OUTSTANDING": "Outstanding: of openness and early results.",
        "NO_EARLY_RESULTS_YET": "No early results to report yet: of openness and early results.",
        "NO_NOTABLE_RESULTS": "No notable results: of early results.",
        "SIGNIFICANT": "Significant: of early results.",
        "INCREASE": "It grew.",
        "NO_CHANGE": "It stayed as it was.",
        "DECREASE": "It shrank.",
    },
    "OgpValue": {
        "ACCESS_TO_INFORMATION": "Access to information.",
        "CIVIC_PARTICIPATION": "Civic participation.",
        "PUBLIC_ACCOUNTABILITY": "Public accountability.",
        "TECHNOLOGY_AND_INNOVATION": "Technology and innovation for transparency and accountability.",
    },
    "CommitmentStatus": {
        "ACTIVE": "It is being worked on.",
        "INACTIVE": "It is worked on no more.",
        "WITHDRAWN": "The government withdrew it.",
    },
    "MilestoneStatus": {
        "NOT_STARTED": "Nothing was done yet.",
        "LIMITED": "Something was done.",
        "SUBSTANTIAL": "Most was done.",
        "COMPLETE": "It is done.",
        "WITHDRAWN": "It will not be done.",
    },
    "MemberStatus": {
        "ACTIVE": "A member in good standing.",
        "UNDER_PROCEDURAL_REVIEW": "It acted contrary to OGP's process, and is being reviewed.",
        "INACTIVE": "OGP made it inactive.",
        "SUSPENDED": "OGP suspended it.",
        "WITHDRAWN": "It left.",
    },
    "ActionPlanStatus": {"ACTIVE": "It is running.", "CONCLUDED": "It has come to its end."},
    "Role": {
        "REPORTER": "Reports for members: their commitments, milestones and progress.",
        "REVIEWER": "Records what the IRM finds.",
        "ADMINISTRATOR": "Keeps members, codes, corrections and accounts.",
    },
    "OrderDirection": {"ASC": "From the least to the greatest.", "DESC": "From the greatest to the least."},
    "CommitmentOrderField": {
        "CODE": "By code.",
        "CYCLE": "By the year its plan was submitted.",
        "STATUS": "By status.",
        "STARTS_ON": "By when work on it begins.",
        "ENDS_ON": "By when it is due.",
        "CHANGED": _CHANGED,
    },
    "ActionPlanOrderField": {"CODE": "By code.", "CYCLE": "By the year of submission.", "CHANGED": _CHANGED},
    "MemberOrderField": {"CODE": "By code.", "REGION": "By OGP's region.", "CHANGED": _CHANGED},
    "TimelineGranularity": {"YEAR": "A year.", "QUARTER": "A quarter.", "MONTH": "A month."},
}
ENUM_VALUE_DESCRIPTIONS["CommitmentDimension"] = {
    "STATUS": "Whether it is worked on.",
    "CYCLE": "The year its plan was submitted.",
    "POLICY_AREA": "Each of its policy areas.",
    "STARRED": "Whether it has the IRM's star.",
    "LANGUAGE": "Each language that its title or text is known in.",
    "LISTED_ONLY": "Whether only lists of siblings tell of it.",
    "MEMBER": "The member that made it, by code.",
    "REGION": "Its member's region.",
    **{name: f"Its latest rating. {meaning}" for name, meaning in ENUM_VALUE_DESCRIPTIONS["Indicator"].items()},
}
"""What each value of an enum means, by the names that the schema has for both."""


def add_descriptions(schema: GraphQLSchema) -> None:
    """Describe the values of enums and what is said in many places, and take away defaults that say nothing.

    A field or argument that may be left out is not given as null: it has no default.
    """
    for kind in _own_types(schema):
        if isinstance(kind, GraphQLEnumType):
            for name, value in kind.values.items():
                value.description = value.description or ENUM_VALUE_DESCRIPTIONS.get(kind.name, {}).get(name)
    for name, given in _input_values(schema):
        given.description = given.description or ARGUMENT_DESCRIPTIONS.get(name)
        if given.default_value is None:
            given.default_value = Undefined


def _own_types(schema: GraphQLSchema) -> Iterable[object]:
    return [kind for name, kind in schema.type_map.items() if not name.startswith("__")]


def _input_values(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLArgument | GraphQLInputField]]:
    for kind in _own_types(schema):
        if isinstance(kind, GraphQLInputObjectType):
            yield from kind.fields.items()
        elif isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            fields: Iterable[GraphQLField] = kind.fields.values()
            yield from (argument for field in fields for argument in field.args.items())
