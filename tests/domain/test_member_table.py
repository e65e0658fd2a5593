import csv
import os
import re
from importlib.resources import files
from pathlib import Path

import msgspec
import pycountry
import pytest

from ogpgraph.domain.member_table import (
    MemberIdentity,
    known_members,
    lookup_member,
    member_of_commitment_code,
    region_of,
)

REGIONS = {"Europe", "Asia and the Pacific", "Africa and the Middle East", "Americas"}
SAMPLES = Path(os.environ.get("OGPGRAPH_TEST_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))

FRANCE = MemberIdentity("FRA", "FR", "NATIONAL", "France")
KADUNA = MemberIdentity("NGKD", "KAD", "LOCAL", "Kaduna State, Nigeria")


def code_of(commitment_code: str) -> str | None:
    member = member_of_commitment_code(commitment_code)
    return None if member is None else member.code


def test_every_iso_country_is_in_the_table_once() -> None:
    data = msgspec.toml.decode(files("ogpgraph.domain").joinpath("members.toml").read_bytes())
    listed = [member["code"] for group in data["group"] if group["kind"] == "NATIONAL" for member in group["members"]]
    assert sorted(listed) == sorted({country.alpha_3 for country in pycountry.countries} | {"XKX"})


def test_the_prefix_is_iso_alpha_2_with_three_exceptions() -> None:
    alpha_2 = {country.alpha_3: country.alpha_2 for country in pycountry.countries}
    national = {member.code: member.prefix for member in known_members().values() if member.kind == "NATIONAL"}
    others = {code: prefix for code, prefix in national.items() if alpha_2.get(code) != prefix}
    assert others == {"GBR": "UK", "XKX": "XK", "PNG": "PNG"}


def test_iso_codes_identify_the_country() -> None:
    for country in pycountry.countries:
        assert code_of(f"{country.alpha_2}0001") == country.alpha_3
        assert lookup_member(country.alpha_2) == lookup_member(country.alpha_3) == known_members()[country.alpha_3]


def test_every_name_code_and_prefix_identifies_its_member() -> None:
    for member in known_members().values():
        assert member.name
        assert lookup_member(member.name) == member
        assert lookup_member(member.code) == member
        assert lookup_member(member.prefix) == member


@pytest.mark.parametrize(
    ("commitment_code", "member_code"),
    [
        ("FR0039", "FRA"),
        ("uk0090", "GBR"),
        ("GB0090", "GBR"),
        ("XK0004", "XKX"),
        ("PNG0009", "PNG"),
        ("PG0009", "PNG"),
        ("BUE0009", "ARBA"),
        ("ARBA0002", "ARBA"),
        ("JAL0001", "MXJL"),
        ("MAD0001", "ESMD"),
        ("SCO0001", "GBSC"),
        ("COT0001", "PHSC"),
        ("KAD0004", "NGKD"),
        ("NGKD0008", "NGKD"),
        ("TBI0001", "GETB"),
    ],
)
def test_the_letters_of_a_commitment_code_identify_its_member(commitment_code: str, member_code: str) -> None:
    assert code_of(commitment_code) == member_code


def test_old_and_new_codes_of_a_local_member_identify_it() -> None:
    assert (
        member_of_commitment_code("KAD0004")
        == member_of_commitment_code("NGKD0008")
        == lookup_member("kaduna state, nigeria")
        == KADUNA
    )


def test_four_letters_identify_a_local_member_that_is_not_in_the_table() -> None:
    assert member_of_commitment_code("mxqr0001") == MemberIdentity("MXQR", "MXQR", "LOCAL", None)
    assert member_of_commitment_code("PERU0001") == MemberIdentity("PERU", "PERU", "LOCAL", None)


@pytest.mark.parametrize(
    "text", ["", "FR", "FR039", "FR00390", "F0039", "FRANC0039", "ZZ0001", "FRA0001", "FR0039x", "FR٠٠٣٩", "ß0001"]
)
def test_malformed_and_unknown_codes_identify_no_member(text: str) -> None:
    assert member_of_commitment_code(text) is None


@pytest.mark.parametrize("text", ["FRA", "fr", "France", " FRANCE "])
def test_a_member_is_found_by_code_prefix_and_name_in_any_case(text: str) -> None:
    assert lookup_member(text) == FRANCE


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Cote d’Ivoire", "CIV"),
        ("Turkiye", "TUR"),
        ("Turkey", "TUR"),
        ("Macedonia", "MKD"),
        ("Slovakia", "SVK"),
        ("South Korea", "KOR"),
        ("Peru", "PER"),
    ],
)
def test_older_and_unaccented_names_identify_the_same_member(name: str, code: str) -> None:
    assert lookup_member(name) == known_members()[code]


def test_names_are_those_that_ogp_uses() -> None:
    names = {code: known_members()[code].name for code in ("GBR", "KOR", "SVK", "MKD", "KGZ", "ARBA")}
    assert names == {
        "GBR": "United Kingdom",
        "KOR": "Republic of Korea",
        "SVK": "Slovak Republic",
        "MKD": "North Macedonia",
        "KGZ": "Kyrgyz Republic",
        "ARBA": "Buenos Aires, Argentina",
    }


def test_an_unknown_local_member_is_found_by_its_code_in_capitals_only() -> None:
    assert lookup_member("MXQR") == MemberIdentity("MXQR", "MXQR", "LOCAL", None)
    assert lookup_member("Bali") is None
    assert lookup_member("") is None


def test_every_region_is_one_of_ogp_s_four() -> None:
    uninhabited = {"ATA", "ATF", "BVT", "HMD", "SGS"}
    regions = {code: region_of(code) for code in known_members()}
    assert {code for code, region in regions.items() if region is None} == uninhabited
    assert set(regions.values()) - {None} == REGIONS


@pytest.mark.parametrize(
    ("code", "region"),
    [("fra", "Europe"), ("GBSC", "Europe"), ("GETB", "Europe"), ("MXQR", "Americas"), ("ZZZZ", None), ("ZZZ", None)],
)
def test_the_region_of_a_local_member_is_that_of_its_country(code: str, region: str | None) -> None:
    assert region_of(code) == region


def test_codes_names_and_regions_are_those_of_the_2024_database() -> None:
    path = SAMPLES / "database" / "commitments-2024.csv"
    if not path.exists():
        pytest.skip(f"no sample at {path}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        member = member_of_commitment_code(row["Commitment Unique Identifier"])
        assert member is not None
        letters = re.sub(r"\d", "", row["Commitment Unique Identifier"])
        actual = (member.code, member.prefix, member.name, region_of(member.code))
        assert actual == (row["Code"], letters, row["Country/Locality"], row["Region"])
