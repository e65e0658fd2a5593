"""Members of the Open Government Partnership: the aggregate type, and the table of codes, names and regions.

The letters of a commitment code are not the member's code: `FR0039` belongs to `FRA`, `UK0090` to `GBR`, `KAD0004` to
`NGKD`. The table is literal, so that an answer never depends on a library's edition of the world; a test holds it
against one. Countries that are no members are in it too: they may join, and an importer may meet them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

from msgspec import Meta

from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.values import PartialDate, TextValue
from ogpgraph.domain.vocabulary import MemberStatus

MemberCodeStr = Annotated[str, Meta(pattern="^[A-Z]{2,6}$")]

MEMBER = AggregateType(
    name="member",
    description="A national or local government that takes part in the Open Government Partnership.",
    paths=(
        Path("code", MemberCodeStr, "OGP's code of the member, such as FRA, or GBSC for a local government."),
        Path("prefix", MemberCodeStr, "The letters its commitments' codes begin with, such as FR."),
        Path("type", Literal["NATIONAL", "LOCAL"], "Whether it is a national or a local government."),
        Path("category", str, "National, Legacy Local or Other, as OGP's database sorts its members."),
        Path("region", str, "OGP's region of the member."),
        Path("name/{language}", TextValue, "The member's name."),
        Path("status", MemberStatus, "Its standing in the partnership, by a dated decision."),
        Path("statusDocument", TextValue, "The address or title of the document that decided the status."),
        Path("joinedOn", PartialDate, "Since when it is a member."),
    ),
    event_types=(
        EventType("MemberRegistered", "A member came into the record."),
        EventType("MemberRenamed", "The member's name changed, or became known in another language.", ("name/",)),
        EventType("MemberRevised", "Something said of the member changed."),
        EventType("MemberStatusChanged", "A decision changed the member's status.", ("status",)),
        EventType("MemberSeenEarlier", "An older observation told what was said of the member then."),
        EventType("MemberCorrected", "Something recorded of the member was wrong and was put right."),
    ),
)


# Under each region of OGP: the prefix of commitment codes, the member's code, its name as OGP writes it. The prefix is
# ISO 3166's alpha-2 and the code its alpha-3, but for the United Kingdom, Kosovo and Papua New Guinea. Where OGP has
# no member, the region is that of its neighbours; who governs nobody has none.
_COUNTRIES: dict[str | None, str] = {
    "Europe": """
AX ALA Åland Islands; AL ALB Albania; AD AND Andorra; AM ARM Armenia; AT AUT Austria; AZ AZE Azerbaijan;
BY BLR Belarus; BE BEL Belgium; BA BIH Bosnia and Herzegovina; BG BGR Bulgaria; HR HRV Croatia; CY CYP Cyprus;
CZ CZE Czech Republic; DK DNK Denmark; EE EST Estonia; FO FRO Faroe Islands; FI FIN Finland; FR FRA France;
GE GEO Georgia; DE DEU Germany; GI GIB Gibraltar; GR GRC Greece; GG GGY Guernsey; VA VAT Holy See; HU HUN Hungary;
IS ISL Iceland; IE IRL Ireland; IM IMN Isle of Man; IT ITA Italy; JE JEY Jersey; XK XKX Kosovo; LV LVA Latvia;
LI LIE Liechtenstein; LT LTU Lithuania; LU LUX Luxembourg; MT MLT Malta; MD MDA Moldova; MC MCO Monaco;
ME MNE Montenegro; NL NLD Netherlands; MK MKD North Macedonia; NO NOR Norway; PL POL Poland; PT PRT Portugal;
RO ROU Romania; RU RUS Russia; SM SMR San Marino; RS SRB Serbia; SK SVK Slovak Republic; SI SVN Slovenia;
ES ESP Spain; SJ SJM Svalbard and Jan Mayen; SE SWE Sweden; CH CHE Switzerland; TR TUR Türkiye; UA UKR Ukraine;
UK GBR United Kingdom
""",
    "Asia and the Pacific": """
AF AFG Afghanistan; AS ASM American Samoa; AU AUS Australia; BD BGD Bangladesh; BT BTN Bhutan;
IO IOT British Indian Ocean Territory; BN BRN Brunei; KH KHM Cambodia; CN CHN China; CX CXR Christmas Island;
CC CCK Cocos Islands; CK COK Cook Islands; FJ FJI Fiji; PF PYF French Polynesia; GU GUM Guam; HK HKG Hong Kong;
IN IND India; ID IDN Indonesia; JP JPN Japan; KZ KAZ Kazakhstan; KI KIR Kiribati; KG KGZ Kyrgyz Republic; LA LAO Laos;
MO MAC Macao; MY MYS Malaysia; MV MDV Maldives; MH MHL Marshall Islands; FM FSM Micronesia; MN MNG Mongolia;
MM MMR Myanmar; NR NRU Nauru; NP NPL Nepal; NC NCL New Caledonia; NZ NZL New Zealand; NU NIU Niue;
NF NFK Norfolk Island; KP PRK North Korea; MP MNP Northern Mariana Islands; PK PAK Pakistan; PW PLW Palau;
PNG PNG Papua New Guinea; PH PHL Philippines; PN PCN Pitcairn; KR KOR Republic of Korea; WS WSM Samoa;
SG SGP Singapore; SB SLB Solomon Islands; LK LKA Sri Lanka; TW TWN Taiwan; TJ TJK Tajikistan; TH THA Thailand;
TL TLS Timor-Leste; TK TKL Tokelau; TO TON Tonga; TM TKM Turkmenistan; TV TUV Tuvalu;
UM UMI United States Minor Outlying Islands; UZ UZB Uzbekistan; VU VUT Vanuatu; VN VNM Vietnam;
WF WLF Wallis and Futuna
""",
    "Africa and the Middle East": """
DZ DZA Algeria; AO AGO Angola; BH BHR Bahrain; BJ BEN Benin; BW BWA Botswana; BF BFA Burkina Faso; BI BDI Burundi;
CV CPV Cabo Verde; CM CMR Cameroon; CF CAF Central African Republic; TD TCD Chad; KM COM Comoros;
CI CIV Côte d'Ivoire; CD COD Democratic Republic of the Congo; DJ DJI Djibouti; EG EGY Egypt;
GQ GNQ Equatorial Guinea; ER ERI Eritrea; SZ SWZ Eswatini; ET ETH Ethiopia; GA GAB Gabon; GH GHA Ghana; GN GIN Guinea;
GW GNB Guinea-Bissau; IR IRN Iran; IQ IRQ Iraq; IL ISR Israel; JO JOR Jordan; KE KEN Kenya; KW KWT Kuwait;
LB LBN Lebanon; LS LSO Lesotho; LR LBR Liberia; LY LBY Libya; MG MDG Madagascar; MW MWI Malawi; ML MLI Mali;
MR MRT Mauritania; MU MUS Mauritius; YT MYT Mayotte; MA MAR Morocco; MZ MOZ Mozambique; NA NAM Namibia; NE NER Niger;
NG NGA Nigeria; OM OMN Oman; PS PSE Palestine; QA QAT Qatar; CG COG Republic of the Congo; RE REU Réunion;
RW RWA Rwanda; SH SHN Saint Helena, Ascension and Tristan da Cunha; ST STP Sao Tome and Principe; SA SAU Saudi Arabia;
SN SEN Senegal; SC SYC Seychelles; SL SLE Sierra Leone; SO SOM Somalia; ZA ZAF South Africa; SS SSD South Sudan;
SD SDN Sudan; SY SYR Syria; TZ TZA Tanzania; GM GMB The Gambia; TG TGO Togo; TN TUN Tunisia; UG UGA Uganda;
AE ARE United Arab Emirates; EH ESH Western Sahara; YE YEM Yemen; ZM ZMB Zambia; ZW ZWE Zimbabwe
""",
    "Americas": """
AI AIA Anguilla; AG ATG Antigua and Barbuda; AR ARG Argentina; AW ABW Aruba; BS BHS Bahamas; BB BRB Barbados;
BZ BLZ Belize; BM BMU Bermuda; BO BOL Bolivia; BQ BES Bonaire, Sint Eustatius and Saba; BR BRA Brazil;
VG VGB British Virgin Islands; CA CAN Canada; KY CYM Cayman Islands; CL CHL Chile; CO COL Colombia; CR CRI Costa Rica;
CU CUB Cuba; CW CUW Curaçao; DM DMA Dominica; DO DOM Dominican Republic; EC ECU Ecuador; SV SLV El Salvador;
FK FLK Falkland Islands; GF GUF French Guiana; GL GRL Greenland; GD GRD Grenada; GP GLP Guadeloupe; GT GTM Guatemala;
GY GUY Guyana; HT HTI Haiti; HN HND Honduras; JM JAM Jamaica; MQ MTQ Martinique; MX MEX Mexico; MS MSR Montserrat;
NI NIC Nicaragua; PA PAN Panama; PY PRY Paraguay; PE PER Peru; PR PRI Puerto Rico; BL BLM Saint Barthélemy;
KN KNA Saint Kitts and Nevis; LC LCA Saint Lucia; MF MAF Saint Martin; PM SPM Saint Pierre and Miquelon;
VC VCT Saint Vincent and the Grenadines; SX SXM Sint Maarten; SR SUR Suriname; TT TTO Trinidad and Tobago;
TC TCA Turks and Caicos Islands; US USA United States; VI VIR United States Virgin Islands; UY URY Uruguay;
VE VEN Venezuela
""",
    None: """
AQ ATA Antarctica; BV BVT Bouvet Island; TF ATF French Southern Territories; HM HMD Heard Island and McDonald Islands;
GS SGS South Georgia and the South Sandwich Islands
""",
}

# The pilots of 2016-2020 had codes of three letters; since then a local member's own code heads its commitments.
_LOCALS = """
BUE ARBA Buenos Aires, Argentina; COT PHSC South Cotabato, Philippines; JAL MXJL Jalisco, Mexico;
KAD NGKD Kaduna State, Nigeria; MAD ESMD Madrid, Spain; SCO GBSC Scotland, United Kingdom; TBI GETB Tbilisi, Georgia
"""

# ISO's alpha-2 where OGP's prefix is another, and names by which pages and older files call the same members.
_ALIASES = """
GBR GB; PNG PG; CPV Cape Verde; CZE Czechia; GBR Great Britain; CIV Ivory Coast; KOR Korea; KGZ Kyrgyzstan;
MKD Macedonia; MDA Republic of Moldova; RUS Russian Federation; SVK Slovakia; KOR South Korea; SWZ Swaziland;
NLD The Netherlands; PHL The Philippines; TUR Turkey; USA United States of America; VNM Viet Nam
"""

_COMMITMENT_CODE = re.compile(r"([A-Z]{2,4})\d{4}", re.ASCII | re.IGNORECASE)
_LOCAL_CODE = re.compile(r"[A-Z]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class MemberCode:
    """A member as OGP codes it; equal for every spelling that means it.

    `prefix` heads the codes of its commitments: of a pilot local the older ones, its `code` heads the later. `name` is
    the English one; a local member that the table does not know has none.
    """

    code: str
    prefix: str
    kind: Literal["NATIONAL", "LOCAL"]
    name: str | None


def member_of_commitment_code(commitment_code: str) -> MemberCode | None:
    """Whose commitment a code means, in any case; None where the letters mean nobody.

    Four letters always mean a local member, since new ones join without our hearing of it.
    """
    match = _COMMITMENT_CODE.fullmatch(commitment_code.strip())
    if match is None:
        return None
    letters = match[1].upper()
    return _by_prefix().get(letters) or _local(letters)


def lookup_member(code_or_prefix_or_english_name: str) -> MemberCode | None:
    """Who is meant by `FRA`, `FR`, `France` or `KAD`, whatever the case and the accents.

    A local member that the table does not know must be written in capitals, or names of four letters would be members.
    """
    text = code_or_prefix_or_english_name.strip()
    return _by_name().get(_fold(text)) or _local(text)


def region_of(member_code: str) -> str | None:
    """OGP's region of a member; a local member lies in its country's, which its first two letters name."""
    code = member_code.strip().upper()
    country = _by_prefix().get(code[:2]) if _LOCAL_CODE.fullmatch(code) else None
    return _regions().get(country.code if country else code)


def _local(code: str) -> MemberCode | None:
    if _LOCAL_CODE.fullmatch(code) is None:
        return None
    return _by_code().get(code) or MemberCode(code, code, "LOCAL", None)


@cache
def _regions() -> dict[str, str]:
    return {code: region for region, text in _COUNTRIES.items() if region for _, code, _ in _parse_records(text, 3)}


@cache
def _by_prefix() -> dict[str, MemberCode]:
    aliases = {word: _by_code()[code] for code, word in _parse_records(_ALIASES, 2) if len(word) == 2}
    return aliases | {member.prefix: member for member in _by_code().values()}


@cache
def _by_name() -> dict[str, MemberCode]:
    members = _by_code().values()
    words = [(word, member) for member in members for word in (member.code, member.prefix, member.name) if word]
    aliases = [(word, _by_code()[code]) for code, word in _parse_records(_ALIASES, 2)]
    return {_fold(word): member for word, member in words + aliases}


@cache
def _by_code() -> dict[str, MemberCode]:
    text = ";".join(_COUNTRIES.values())
    countries = (MemberCode(code, prefix, "NATIONAL", name) for prefix, code, name in _parse_records(text, 3))
    locals_ = (MemberCode(code, prefix, "LOCAL", name) for prefix, code, name in _parse_records(_LOCALS, 3))
    return {member.code: member for member in (*countries, *locals_)}


def _parse_records(text: str, fields: int) -> Iterator[list[str]]:
    """The records of a table in which `;` parts them and spaces the fields, of which only the last may hold spaces."""
    return (" ".join(record.split()).split(" ", fields - 1) for record in text.split(";"))


def _fold(word: str) -> str:
    """Equal for spellings that differ in case, accents or the kind of apostrophe only."""
    letters = unicodedata.normalize("NFKD", word.replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
