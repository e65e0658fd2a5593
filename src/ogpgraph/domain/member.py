"""Members of the Open Government Partnership: the aggregate type, and the commands on members."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType
from ogpgraph.domain.command import Command, CommandType, Format, Language, ReferenceTo, Refusals, normalize_code
from ogpgraph.domain.errors import NotFound
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.field import Field, Filter, FilterKind, fields_by_name
from ogpgraph.domain.member_table import MemberIdentity, MemberKind, lookup_member, region_of
from ogpgraph.domain.roles import ADMINISTRATORS, NOBODY
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import PartialDate, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import MemberStatus

MemberCode = Annotated[str, Meta(pattern="^[A-Z]{2,6}$")]
Term = Annotated[
    str, Meta(pattern="^[A-Z][A-Za-z]*([ &,-]+[A-Za-z]+){0,7}$", max_length=60, description="A term of OGP's database.")
]

MEMBER = AggregateType(
    name="member",
    description="A national or local government that takes part in the Open Government Partnership.",
    fields=(
        Field(
            "code",
            MemberCode,
            "Code",
            "OGP's code of the member, such as `FRA`, or `GBSC` for a local government.",
            is_required=True,
            written_by=ADMINISTRATORS,
            corrected_by=NOBODY,
            filter=Filter(
                "code",
                FilterKind.CODE,
                "OGP's code of the member (`FRA`) or the prefix of its commitments' codes (`FR`), in any case.",
            ),
            is_sortable=True,
        ),
        Field(
            "prefix",
            MemberCode,
            "Prefix",
            "The letters that the codes of its commitments begin with, such as `FR`.",
            written_by=ADMINISTRATORS,
            dimension="code",
        ),
        Field(
            "type",
            MemberKind,
            "Type",
            "The type of government: `NATIONAL` or `LOCAL`.",
            written_by=ADMINISTRATORS,
            filter=Filter("type"),
        ),
        Field(
            "category",
            Term,
            "Category",
            "The category of the member in OGP's database, as published: `National`, `Legacy Local` (the local pilot "
            "programme of 2016 to 2020) or `Other`.",
            corrected_by=ADMINISTRATORS,
        ),
        Field(
            "region",
            Term,
            "Region",
            "OGP's region: `Europe`, `Americas`, `Asia and the Pacific` or `Africa and the Middle East`.",
            written_by=ADMINISTRATORS,
            is_clearable=True,
            filter=Filter("region"),
            is_sortable=True,
        ),
        Field(
            "name/{language}",
            TextValue,
            "Name",
            "The member's name.",
            is_required=True,
            written_by=ADMINISTRATORS,
            search_weight=10,
        ),
        Field(
            "status",
            MemberStatus,
            "Status",
            "The member's status in the partnership; null while no decision is recorded.",
            written_by=ADMINISTRATORS,
            filter=Filter("status", description="The member's status in the partnership."),
        ),
        Field(
            "statusDocument",
            TextValue,
            "Decision on the status",
            "The address or title of the document that decided the status.",
            written_by=ADMINISTRATORS,
            is_exported=False,
        ),
        Field(
            "joinedOn",
            PartialDate,
            "Date of joining",
            "When the member joined the partnership.",
            written_by=ADMINISTRATORS,
            is_clearable=True,
        ),
    ),
    event_types=(
        EventType("MemberRegistered", "A member was registered."),
        EventType("MemberRenamed", "The member's name changed, or became known in another language.", ("name/",)),
        EventType("MemberRevised", "Facts of the member changed or became known."),
        EventType("MemberStatusChanged", "A decision changed the member's status.", ("status",)),
        EventType("MemberSeenEarlier", "Facts from an older observation of a source were added to the history."),
        EventType("MemberCorrected", "Facts that had been recorded wrongly were corrected.", amends=True),
        EventType("MemberReverted", "What an import or request had recorded was withdrawn.", amends=True),
    ),
)


_FIELDS = fields_by_name(MEMBER.fields)


def find_member(uow: UnitOfWork, code: str) -> Aggregate:
    """Return the member with OGP's code, or with the prefix of its commitments' codes; raises NotFound."""
    stream = uow.resolve_code("member", code)
    if stream is None and (known := lookup_member(code)) is not None:
        stream = uow.resolve_code("member", known.code)
    if stream is None:
        raise NotFound(f"there is no member {code}", "member")
    return uow.aggregate(stream)


def register_member(uow: UnitOfWork, code: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON) -> Aggregate:
    """Record a new member; raises Conflict if its code is taken."""
    stream = uow.new_stream("member")
    uow.reserve_code("member", code, stream)
    uow.append(stream, "MemberRegistered", {"code": code, **facts}, provenance)
    return uow.aggregate(stream)


def register_known_member(uow: UnitOfWork, identity: MemberIdentity) -> Aggregate:
    """Record a new member with what OGP's table of members has on it; raises Conflict if its code is taken.

    Sources that name the member state for themselves what they say of it.
    """
    facts: Facts = {"prefix": identity.prefix, "type": identity.kind}
    if region := region_of(identity.code):
        facts["region"] = region
    if identity.name:
        facts["name/en"] = uow.text_value(identity.name, TranslationKind.UNKNOWN)
    return register_member(uow, identity.code, facts, Provenance(origin=Origin.REFERENCE))


def revise_member(
    uow: UnitOfWork, member: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a member; names in an event of their own."""
    changed = changed_facts(member, facts, provenance)
    names = {path: value for path, value in changed.items() if path.startswith("name/")}
    others = {path: value for path, value in changed.items() if path not in names}
    uow.append(member.id, "MemberRenamed", names, provenance)
    uow.append(member.id, "MemberRevised", others, provenance)


def change_member_status(
    uow: UnitOfWork, member: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record a decision on a member's status."""
    uow.append(member.id, "MemberStatusChanged", changed_facts(member, facts, provenance), provenance)


# Commands

UNKNOWN_MEMBER = "if the member is unknown"

MemberReference = Annotated[
    Aggregate,
    Meta(description="The member, by OGP's code (`FRA`) or the prefix of its commitments' codes (`FR`)."),
    ReferenceTo("member", find_member),
]


class RegisterMember(Command, frozen=True):
    """A new member of the Open Government Partnership."""

    code: Annotated[
        str,
        Meta(
            description="OGP's code of the member, two to six letters, such as `FRA`, or `GBSC` for a local government."
        ),
        Format("[A-Z]{2,6}", "OGP's code of a member, such as FRA", normalize_code),
    ]
    name: Annotated[TextValue, _FIELDS["name"], Meta(description="The name.")]
    language: Language = "en"
    prefix: Annotated[
        str | UnsetType,
        _FIELDS["prefix"],
        Meta(
            description="The capital letters that the codes of its commitments begin with, such as `FR`. Omitted: "
            "as in OGP's table of members."
        ),
    ] = UNSET
    type: Annotated[
        str | UnsetType,
        _FIELDS["type"],
        Meta(description="`NATIONAL` or `LOCAL`. Omitted: as in OGP's table of members."),
    ] = UNSET
    region: Annotated[
        str | UnsetType | None,
        _FIELDS["region"],
        Meta(description="OGP's region of the member. Omitted: as in OGP's table of members."),
    ] = UNSET
    joined_on: Annotated[
        PartialDate | UnsetType | None, _FIELDS["joinedOn"], Meta(description="When it became a member.")
    ] = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the member, with what OGP's table of members has on it; raises Conflict if its code is taken."""
        stated = self.stated_facts()
        member = register_member(uow, self.code, stated, provenance)
        known = {path: value for path, value in _facts_of_known_member(self.code).items() if path not in stated}
        revise_member(uow, member, known, Provenance(origin=Origin.REFERENCE))


def _facts_of_known_member(code: str) -> Facts:
    """Return the facts in OGP's table of members, as far as it has the code."""
    known, region = lookup_member(code), region_of(code)
    facts: Facts = {"type": known.kind, "prefix": known.prefix} if known and known.code == code else {}
    return facts | ({"region": region} if region else {})


REGISTER_MEMBER = CommandType(
    command=RegisterMember,
    description="Records a new member, and what OGP's table of members has on it besides, as so at every date.",
    permitted=ADMINISTRATORS,
    events=("CodeAssigned", "MemberRegistered", "MemberRevised"),
    returns="member",
    registers="member",
    refusals=Refusals(
        invalid="if the code is not two to six letters, or the type is neither `NATIONAL` nor `LOCAL`",
        conflict="if the code is taken",
    ),
)


class ChangeMemberStatus(Command, frozen=True):
    """A decision on the status of a member in the partnership; `effectiveOn` is the date of the decision."""

    member: MemberReference
    status: Annotated[MemberStatus, _FIELDS["status"], Meta(description="The new status.")]
    document: Annotated[
        TextValue,
        _FIELDS["statusDocument"],
        Meta(description="The address or the title of the document with the decision."),
    ]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the decision, unless it is recorded."""
        change_member_status(uow, self.member, self.stated_facts(), provenance)


CHANGE_MEMBER_STATUS = CommandType(
    command=ChangeMemberStatus,
    description="Records a decision on the status of a member, with the document that it is published in.",
    permitted=ADMINISTRATORS,
    events=("MemberStatusChanged",),
    returns="member",
    refusals=Refusals(not_found=UNKNOWN_MEMBER),
)


class RenameMember(Command, frozen=True):
    """The name of a member: a new one, or its name in another language."""

    member: MemberReference
    name: Annotated[TextValue, _FIELDS["name"], Meta(description="The name.")]
    language: Language = "en"

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the name, unless it is recorded."""
        revise_member(uow, self.member, self.stated_facts(), provenance)


RENAME_MEMBER = CommandType(
    command=RenameMember,
    description="Records the name of a member in a language. Former names stay in the history.",
    permitted=ADMINISTRATORS,
    events=("MemberRenamed",),
    returns="member",
    refusals=Refusals(not_found=UNKNOWN_MEMBER),
)

MEMBER_COMMANDS = (REGISTER_MEMBER, CHANGE_MEMBER_STATUS, RENAME_MEMBER)
