"""Members of the Open Government Partnership: national and local governments."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ogpgraph.domain.noun import Kind, Noun, Path
from ogpgraph.domain.text import Wording
from ogpgraph.domain.values import PartialDate
from ogpgraph.domain.vocabulary import MemberStatus

MemberCodeWord = Annotated[str, Meta(pattern="^[A-Z]{2,6}$")]

MEMBER = Noun(
    kind="member",
    meaning="A national or local government that takes part in the Open Government Partnership.",
    paths=(
        Path("code", MemberCodeWord, "OGP's code of the member, such as FRA, or GBSC for a local government."),
        Path("prefix", MemberCodeWord, "The letters its commitments' codes begin with, such as FR."),
        Path("type", Literal["NATIONAL", "LOCAL"], "Whether it is a national or a local government."),
        Path("category", str, "National, Legacy Local or Other, as OGP's database sorts its members."),
        Path("region", str, "OGP's region of the member."),
        Path("name/{language}", Wording, "The member's name."),
        Path("status", MemberStatus, "Its standing in the partnership, by a dated decision."),
        Path("statusDocument", Wording, "The address or title of the document that decided the status."),
        Path("joinedOn", PartialDate, "Since when it is a member."),
    ),
    events=(
        Kind("MemberRegistered", "A member came into the record."),
        Kind("MemberRenamed", "The member's name changed, or became known in another language.", ("name/",)),
        Kind("MemberRevised", "Something said of the member changed."),
        Kind("MemberStatusChanged", "A decision changed the member's status.", ("status",)),
        Kind("MemberSeenEarlier", "An older observation told what was said of the member then."),
        Kind("MemberCorrected", "Something recorded of the member was wrong and was put right."),
    ),
)
