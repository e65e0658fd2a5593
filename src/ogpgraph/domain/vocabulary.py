"""The vocabularies of the Open Government Partnership and its Independent Reporting Mechanism (IRM)."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType


class Indicator(StrEnum):
    """An aspect of a commitment that the IRM rates, in the order in which ratings are listed."""

    VERIFIABLE = "VERIFIABLE"
    SPECIFICITY = "SPECIFICITY"
    RELEVANCE = "RELEVANCE"
    POTENTIAL_IMPACT = "POTENTIAL_IMPACT"
    AMBITION = "AMBITION"
    POTENTIAL_FOR_RESULTS = "POTENTIAL_FOR_RESULTS"
    COMPLETION = "COMPLETION"
    EARLY_RESULTS = "EARLY_RESULTS"
    DID_IT_OPEN_GOVERNMENT = "DID_IT_OPEN_GOVERNMENT"
    STARRED = "STARRED"


class Stage(StrEnum):
    """The stage of an action plan that a rating or narrative is about."""

    DESIGN = "DESIGN"
    MIDTERM = "MIDTERM"
    END_OF_TERM = "END_OF_TERM"
    RESULTS = "RESULTS"


class RatingState(StrEnum):
    """Whether an indicator has a value, and the reason if it has none: these are different findings."""

    RATED = "RATED"
    PENDING = "PENDING"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_REVIEWED = "NOT_REVIEWED"
    NO_DATA = "NO_DATA"
    UNRECOGNISED = "UNRECOGNISED"


class RatingValue(StrEnum):
    """A value of a rating; `VALUES_OF` lists the values on the scale of each indicator."""

    YES = "YES"
    NO = "NO"
    NONE = "NONE"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    MINOR = "MINOR"
    MODERATE = "MODERATE"
    TRANSFORMATIVE = "TRANSFORMATIVE"
    UNCLEAR = "UNCLEAR"
    MODEST = "MODEST"
    SUBSTANTIAL = "SUBSTANTIAL"
    NO_EVIDENCE_AVAILABLE = "NO_EVIDENCE_AVAILABLE"
    NOT_STARTED = "NOT_STARTED"
    LIMITED = "LIMITED"
    COMPLETE = "COMPLETE"
    WITHDRAWN = "WITHDRAWN"
    WORSENS = "WORSENS"
    DID_NOT_CHANGE = "DID_NOT_CHANGE"
    MARGINAL = "MARGINAL"
    MAJOR = "MAJOR"
    OUTSTANDING = "OUTSTANDING"
    NO_EARLY_RESULTS_YET = "NO_EARLY_RESULTS_YET"
    NO_NOTABLE_RESULTS = "NO_NOTABLE_RESULTS"
    SIGNIFICANT = "SIGNIFICANT"
    INCREASE = "INCREASE"
    NO_CHANGE = "NO_CHANGE"
    DECREASE = "DECREASE"


class OgpValue(StrEnum):
    """The values of open government that a commitment may serve."""

    ACCESS_TO_INFORMATION = "ACCESS_TO_INFORMATION"
    CIVIC_PARTICIPATION = "CIVIC_PARTICIPATION"
    PUBLIC_ACCOUNTABILITY = "PUBLIC_ACCOUNTABILITY"
    TECHNOLOGY_AND_INNOVATION = "TECHNOLOGY_AND_INNOVATION"


class CommitmentStatus(StrEnum):
    """Whether a commitment is being carried out."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    WITHDRAWN = "WITHDRAWN"
    SPLIT = "SPLIT"
    """Its parts are carried out in its place: they are listed and counted, it is not."""


UNLISTED_STATUSES = frozenset({CommitmentStatus.SPLIT})
"""The statuses of commitments that lists, counts and facets leave out unless their filter names one of them."""


class MilestoneStatus(StrEnum):
    """The progress of a milestone, as in OGP's progress template."""

    NOT_STARTED = "NOT_STARTED"
    LIMITED = "LIMITED"
    SUBSTANTIAL = "SUBSTANTIAL"
    COMPLETE = "COMPLETE"
    WITHDRAWN = "WITHDRAWN"


class MemberStatus(StrEnum):
    """A member's status in the partnership."""

    ACTIVE = "ACTIVE"
    UNDER_PROCEDURAL_REVIEW = "UNDER_PROCEDURAL_REVIEW"
    INACTIVE = "INACTIVE"
    SUSPENDED = "SUSPENDED"
    WITHDRAWN = "WITHDRAWN"


class PlanStatus(StrEnum):
    """Whether an action plan is active or concluded."""

    ACTIVE = "ACTIVE"
    CONCLUDED = "CONCLUDED"


class Finding(StrEnum):
    """A finding in OGP's database that is not one of the IRM's indicators; later files may add others."""

    CARRIED_FORWARD = "CARRIED_FORWARD"
    COMPOUND = "COMPOUND"
    REVIEWED_IN_CLUSTER = "REVIEWED_IN_CLUSTER"
    IRM_ASSESSED = "IRM_ASSESSED"
    MIDTERM_ONLY = "MIDTERM_ONLY"
    COMPLETION_CHANGE = "COMPLETION_CHANGE"
    PROJECTED_COMPLETION = "PROJECTED_COMPLETION"
    STARRED_BEFORE_JUNE_2014 = "STARRED_BEFORE_JUNE_2014"
    STARRED_IN_2015 = "STARRED_IN_2015"
    NEW = "NEW"
    CONTACT_SPECIFIED = "CONTACT_SPECIFIED"
    PUBLIC_INTEGRITY = "PUBLIC_INTEGRITY"
    PUBLIC_RESOURCES = "PUBLIC_RESOURCES"
    PUBLIC_SERVICES = "PUBLIC_SERVICES"
    CORPORATE_ACCOUNTABILITY = "CORPORATE_ACCOUNTABILITY"
    SAFE_COMMUNITIES = "SAFE_COMMUNITIES"
    OPEN_DATA_GROUP = "OPEN_DATA_GROUP"
    FISCAL_OPENNESS_GROUP = "FISCAL_OPENNESS_GROUP"
    LEGISLATIVE_OPENNESS_GROUP = "LEGISLATIVE_OPENNESS_GROUP"
    ACCESS_TO_INFORMATION_GROUP = "ACCESS_TO_INFORMATION_GROUP"
    NATURAL_RESOURCES_GROUP = "NATURAL_RESOURCES_GROUP"


class CoCreation(StrEnum):
    """An aspect of the public's participation in the development and implementation of a plan."""

    INFLUENCE_DURING_DEVELOPMENT = "INFLUENCE_DURING_DEVELOPMENT"
    INFLUENCE_DURING_IMPLEMENTATION = "INFLUENCE_DURING_IMPLEMENTATION"
    OPENNESS_DURING_DEVELOPMENT = "OPENNESS_DURING_DEVELOPMENT"
    OPENNESS_DURING_IMPLEMENTATION = "OPENNESS_DURING_IMPLEMENTATION"
    REGULAR_FORUM = "REGULAR_FORUM"
    ACTED_ACCORDING_TO_PROCESS = "ACTED_ACCORDING_TO_PROCESS"


class CoCreationValue(StrEnum):
    """A finding on co-creation, or the reason why there is none."""

    NO_CONSULTATION = "NO_CONSULTATION"
    INFORM = "INFORM"
    CONSULT = "CONSULT"
    INVOLVE = "INVOLVE"
    COLLABORATE = "COLLABORATE"
    EMPOWER = "EMPOWER"
    INVITATION_ONLY = "INVITATION_ONLY"
    OPEN = "OPEN"
    YES = "YES"
    NO = "NO"
    PENDING = "PENDING"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_REVIEWED = "NOT_REVIEWED"
    NO_DATA = "NO_DATA"


_V = RatingValue
_OPENED = (_V.WORSENS, _V.DID_NOT_CHANGE, _V.MARGINAL, _V.MAJOR, _V.OUTSTANDING, _V.NO_EARLY_RESULTS_YET)

# The union of the scales over the years, in the order of the scale.
VALUES_OF: dict[Indicator, tuple[RatingValue, ...]] = {
    Indicator.VERIFIABLE: (_V.NO, _V.YES),
    Indicator.SPECIFICITY: (_V.NONE, _V.LOW, _V.MEDIUM, _V.HIGH),
    Indicator.RELEVANCE: (_V.NO, _V.YES),
    Indicator.POTENTIAL_IMPACT: (_V.UNCLEAR, _V.NONE, _V.MINOR, _V.MODERATE, _V.TRANSFORMATIVE),
    Indicator.AMBITION: (_V.LOW, _V.HIGH),
    Indicator.POTENTIAL_FOR_RESULTS: (_V.UNCLEAR, _V.MODEST, _V.SUBSTANTIAL),
    Indicator.COMPLETION: (
        _V.WITHDRAWN,
        _V.UNCLEAR,
        _V.NO_EVIDENCE_AVAILABLE,
        _V.NOT_STARTED,
        _V.LIMITED,
        _V.SUBSTANTIAL,
        _V.COMPLETE,
    ),
    # When the scale changed from that of "Did It Open Government", pages went on calling the indicator "Early Results".
    Indicator.EARLY_RESULTS: (*_OPENED, _V.NO_NOTABLE_RESULTS, _V.MODERATE, _V.SIGNIFICANT),
    Indicator.DID_IT_OPEN_GOVERNMENT: _OPENED,
    Indicator.STARRED: (_V.NO, _V.YES),
}

# OGP's policy areas in all versions of its taxonomy. Different spellings are one area; different names are different
# areas ("Anti-Corruption" of 2018 is not "Anti-Corruption and Integrity" of 2024), since OGP defined them differently.
PolicyArea = NewType("PolicyArea", str)
POLICY_AREAS: tuple[str, ...] = (
    "Access to Information",
    "Access to Justice",
    "Aid",
    "Anti-Corruption",
    "Anti-Corruption and Integrity",
    "Anti-Corruption Institutions",
    "Anti-Corruption Strategies",
    "Asset Disclosure",
    "Audits",
    "Audits and Controls",
    "Automated Decision-Making",
    "Beneficial Ownership",
    "Capacity Building",
    "Citizen Budgets",
    "Citizenship & Immigration",
    "Civic Education",
    "Civic Space",
    "Civic Space and Enabling Environment",
    "Climate Finance",
    "Climate Mitigation and Adaptation",
    "Conflicts of Interest",
    "Data Stewardship and Privacy",
    "Debt",
    "Defending Journalists and Activists",
    "Defense",
    "Democratizing Decision-Making",
    "Digital Governance",
    "Digital Inclusion",
    "Digital Participation",
    "Digital Transformation",
    "Disinformation/Misinformation",
    "E-Government",
    "E-Petitions",
    "Economic Inclusion",
    "Education",
    "Elections",
    "Elections & Political Finance",
    "Energy",
    "Environment and Climate",
    "Environmental Regulation",
    "Extractive Industries",
    "Fiscal Openness",
    "Fiscal Transparency",
    "Freedom of Assembly",
    "Freedom of Association",
    "Freedom of Expression",
    "Gender",
    "Gender & Sexuality",
    "Gender-Based Violence",
    "Health",
    "Health & Nutrition",
    "Human Rights",
    "Inclusion",
    "Infrastructure",
    "Infrastructure & Transport",
    "International Environmental Agreements",
    "Judiciary",
    "Justice",
    "Labor",
    "Land and Spatial Planning",
    "Law Enforcement & Justice",
    "Legislation",
    "Legislation & Regulation",
    "Legislative Oversight",
    "Legislature",
    "LGBTQIA+",
    "Lobbying",
    "Local Commitments",
    "Mainstreaming Participation",
    "Marginalized Communities",
    "Media & Telecommunications",
    "Money in Politics",
    "Natural Resources",
    "Nonprofits",
    "OGP",
    "Online Civic Space",
    "Open Contracting",
    "Open Contracting and Procurement",
    "Open Contracting and Public Procurement",
    "Open Data",
    "Open Data (Education)",
    "Open Data (Health)",
    "Open Data (Water/Sanitation)",
    "Open Justice",
    "Open Parliament Plan",
    "Open Parliaments",
    "Open Regulations",
    "Oversight of Budget/Fiscal Policies",
    "Participation in Lawmaking",
    "Participatory Budgeting",
    "People with Disabilities",
    "Policing & Corrections",
    "Political Finance",
    "Political Integrity",
    "Privacy",
    "Private Sector",
    "Public Participation",
    "Public Participation in Budget/Fiscal Policy",
    "Public Procurement",
    "Public Safety",
    "Public Service Delivery",
    "Publication of Budget/Fiscal Information",
    "Records Management",
    "Regulation",
    "Regulatory Governance",
    "Right to Information",
    "Safety Nets & Economic Inclusion",
    "Science & Technology",
    "Security & Public Safety",
    "Sexuality",
    "Social Accountability",
    "Social Audits",
    "Stimulus and Economic Recovery",
    "Subnational",
    "Sustainable Development Goals",
    "Tax",
    "Water & Sanitation",
    "Welfare & Social Security",
    "Whistleblower Protections",
    "Youth",
)
