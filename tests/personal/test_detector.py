"""Personal data: what the detector finds in texts, and what masking leaves as it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.languages import shipped_languages
from ogpgraph.personal import MASK, Mark, PersonalDataKind, find_personal_data, mask_personal_data


def found(text: str) -> list[tuple[str, str]]:
    return [(str(mark.kind), text[mark.start : mark.end]) for mark in find_personal_data(text)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to jane.doe@ministry.example.org, please", "jane.doe@ministry.example.org"),
        ("<mailto:j-d+ogp@a.example>", "j-d+ogp@a.example"),
        ("JANE@GOV.EXAMPLE.", "JANE@GOV.EXAMPLE"),
        ("jane (at) gov (dot) example", "jane (at) gov (dot) example"),
        ("jane [arroba] gob.example", "jane [arroba] gob.example"),
        ("élodie@ministère.example;", "élodie@ministère.example"),
        ("Public ParticipationE-mail:jane@gov.example", "jane@gov.example"),
    ],
)
def test_an_email_address_is_found(text: str, address: str) -> None:
    assert found(text) == [("EMAIL", address)]


@pytest.mark.parametrize(
    "text",
    ["@ogp_gov on the social network", "https://blog.example/@jane/2019", "a@b", "open data @ 2019", "x @ y", "@@@@"],
)
def test_an_at_sign_alone_is_not_an_email_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("call +33 1 23 45 67 89 now", "+33 1 23 45 67 89"),
        ("(+44 (0)20 7946 0958)", "+44 (0)20 7946 0958"),
        ("+234-803-555-0134", "+234-803-555-0134"),
        ("0033 1 23 45 67 89", "0033 1 23 45 67 89"),
        ("ring (202) 555-0143 today", "(202) 555-0143"),
        ("ring 202-555-0143 today", "202-555-0143"),
        ("ring 202.555.0143.", "202.555.0143"),
        ("au 01 23 45 67 89, le matin", "01 23 45 67 89"),
        ("au 01.23.45.67.89, le matin", "01.23.45.67.89"),
        ("Minister 08035550134", "08035550134"),
        ("(55) 5093-5300", "(55) 5093-5300"),
        ("Tel: 912 345 678", "912 345 678"),
        ("Teléfono: 2345 6789", "2345 6789"),
        ("Tél. : 123 456", "123 456"),
        ("Email and Phone: 555 0134", "555 0134"),
        (f"Phone{' ' * 200}number(s): 555 0134", "555 0134"),
    ],
)
def test_a_phone_number_is_found(text: str, number: str) -> None:
    assert found(text) == [("PHONE", number)]


def test_every_number_of_a_list_after_a_label_is_found() -> None:
    assert found("Phones: Tel 912 345 678 / 699 123 456 or 5550 1340") == [
        ("PHONE", "912 345 678"),
        ("PHONE", "699 123 456"),
        ("PHONE", "5550 1340"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "France Action Plan 2018-2020",
        "between 2018 – 2020 and 2021 - 2023",
        "(2018) 2019-2020",
        "accessed on 10 January 2019 [57] [58]",
        "from 01/01/2019 to 01/06/2024",
        "01.02.2019 - 03.04.2020",
        "2019-01-15 10:30:00",
        "a budget of 912 345 678 euros",
        "a budget of € 12 345 678",
        "EUR 1,234,567.89 or 1.234.567,89",
        "an increase of +15 000 000 people",
        "1 000 000 000 pesos",
        "45 000 000",
        "FR0043, 2018, Capacity Building",
        "AP_ALB01",
        "Law 123/2015 and Decree 2016-1922",
        "budget line 110-234-5678",
        "Contract no. 0123456789",
        "expediente 0800 123 4567",
        "ISBN 978-92-64-12345-6, ISSN 1234-5678",
        "doi 10.1787/9789264123456",
        "https://example.org/2018/08/0123456789/202-555-0143",
        "www.example.org/tel/0123456789",
        "14.1 14.2 14.10 milestones",
        "2.2999999999999998",
        "2022-07-15T00:00:00Z",
        "48.856613, 2.352222",
        "10.0.0.1 and 192.168.100.200",
        "n° 2016-1321",
    ],
)
def test_years_dates_amounts_codes_and_urls_are_not_phone_numbers(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Contact: Jane Doe", ["Jane Doe"]),
        ("contact person : Ms. Jane Doe, Deputy Director", ["Jane Doe"]),
        ("Responsible person: Mr Okafor", ["Okafor"]),
        ("Name of responsible person from implementing agency | Jane Q. Doe | Director", ["Jane Q. Doe"]),
        ("Point of contact:\n  Ali bin Hassan\nMinistry of Works", ["Ali bin Hassan"]),
        ("Contact: Jane Doe and John O'Neil, Head of Unit", ["Jane Doe", "John O'Neil"]),
        ("Persona responsable: Juan Pérez de la Cruz", ["Juan Pérez de la Cruz"]),
        ("Contacto: Lic. María Núñez; Ing. José Ortiz", ["María Núñez", "José Ortiz"]),
        ("Nombre de la persona responsable: ANA LÓPEZ", ["ANA LÓPEZ"]),
        ("Personne à contacter : Mme Élodie Martin et M. Paul Durand", ["Élodie Martin", "Paul Durand"]),
        ("Point focal : Jean-Luc Dupont", ["Jean-Luc Dupont"]),
    ],
)
def test_a_name_after_a_label_is_found(text: str, names: list[str]) -> None:
    assert found(text) == [("NAME", name) for name in names]


@pytest.mark.parametrize(
    ("list_name", "behind", "expected"),
    [
        ("contact_labels", ": Jane Doe", ("NAME", "Jane Doe")),
        ("phone_labels", ": 2345678", ("PHONE", "2345678")),
    ],
)
def test_every_label_of_every_language_is_found_in_any_case(
    list_name: str, behind: str, expected: tuple[str, str]
) -> None:
    for table in shipped_languages().tables("personal_data").values():
        for label in table[list_name]:
            for written in (label, label.upper(), label.capitalize(), label.title()):
                text = f"Of all of it. {written}{behind}"
                marks = [(str(mark.kind), text[mark.start : mark.end]) for mark in find_personal_data(text)]
                assert expected in marks


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jane\u200b@gov.example", "EMAIL"),
        ("ja\u00adne@gov\u2060.example", "EMAIL"),
        ("jane&#64;gov.example", "EMAIL"),
        ("jane&#x40;gov&period;example", "EMAIL"),
        ("jane&amp;#64;gov.example", "EMAIL"),
        ("jane%40gov%2Eexample", "EMAIL"),
        ("jane%2540gov.example", "EMAIL"),
        ("jane＠gov．example", "EMAIL"),
        ("jane©gov.example", "EMAIL"),
        ("＋33 1 23 45 67 89", "PHONE"),
        ("+33\u200b1 23 45 67 89", "PHONE"),
        ("+33&nbsp;1&nbsp;23&nbsp;45&nbsp;67&nbsp;89", "PHONE"),
        ("%2B33 1 23 45 67 89", "PHONE"),
        ("٠١٢٣٤٥٦٧٨٩", "PHONE"),
        ("+३३ १ २३ ४५ ६७ ८९", "PHONE"),
        ("０１ ２３ ４５ ６７ ８９", "PHONE"),
    ],
)
def test_what_a_reader_sees_is_found_however_it_is_hidden_from_a_search(text: str, kind: str) -> None:
    assert found(f"write {text}, please") == [(kind, text)]
    assert found(text) == [(kind, text)]


@pytest.mark.parametrize(
    "text",
    [
        "100%25 of 40%40 rules",
        "Tom &amp; Jerry&#39;s",
        "x\u200by",
        "&#64; &#0; &#99999999; &bogus;",
        "％４０",
        "2018%2D2020",
    ],
)
def test_references_and_escapes_alone_are_no_personal_data(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.example/?m=jane%40gov.example", "jane%40gov.example"),
        ("https://a.example/?tel=%2B33123456789&x=1", "%2B33123456789"),
        ("https://a.example/?tel=+33-1-23-45-67-89", "+33-1-23-45-67-89"),
    ],
)
def test_personal_data_in_the_query_of_a_url_is_masked(text: str, shown: str) -> None:
    assert shown not in mask_personal_data(text)
    assert mask_personal_data(text).startswith("https://a.example/")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Jane Doe - +33 1 23 45 67 89", ["Jane Doe"]),
        ("Jane Doe (jane.doe@gov.example), Ali Hassan: 08035550134", ["Jane Doe", "Ali Hassan"]),
        ("Sra. María Núñez, Dirección General de Archivos, archivo@gob.example", ["María Núñez"]),
        ("The clerks, Hon. Vicente R. De Jesus – Vice Governor +639209622158", ["Vicente R. De Jesus"]),
    ],
)
def test_a_name_beside_an_address_or_number_is_found(text: str, names: list[str]) -> None:
    assert [shown for kind, shown in found(text) if kind == "NAME"] == names


@pytest.mark.parametrize(
    "text",
    [
        "Transparency Kenya (info@ti.example)",
        "Open Knowledge Finland, info@okf.example",
        "Ministry of Justice: +33 1 23 45 67 89",
        "Mahintana Foundation - 08035550134",
        "Responsable: Social TIC",
        "Responsable:\nCultura Ecológica",
        "Contact: Transparency International",
        "Responsables : Alliance Citoyenne",
    ],
)
def test_an_organisation_is_not_a_person(text: str) -> None:
    assert [kind for kind, _ in found(text) if kind == "NAME"] == []


@pytest.mark.parametrize(
    "text",
    [
        "Responsible person: Ministry of Finance",
        "Responsable: Ministerio de Hacienda y Crédito Público",
        "Contact: Office of Transparency",
        "Point de contact : Direction interministérielle",
        "Contact: https://example.org/contact",
        "We will contact Jane Doe",
        "Contact: see annex",
        "Contact: Director General",
        "The Minister, Jane Doe, opened the summit",
        "Lead Institution: Treasury Board of Canada Secretariat",
    ],
)
def test_institutions_functions_and_names_without_a_label_are_not_found(text: str) -> None:
    assert found(text) == []


def test_the_known_limits_of_the_detector() -> None:
    """A person has to redact these."""
    for text in (
        "John Smith, Ministry of Justice, will lead",  # a name without a label
        "912 345 678",  # nine digits in groups of three may be an amount
        "jane.doe@\nministry.example",  # an address on two lines
        "two oh two, five five five",  # a number in words
        "Contact: jane doe",  # a name in lower case
    ):
        assert found(text) == []


PIECES = st.sampled_from(
    [
        "Contact: Jane Doe",
        "jane@gov.example",
        "+33 1 23 45 67 89",
        "Tel: 912 345 678",
        " 2018-2020 ",
        "\n",
        "é😀 ",
        "jane&#64;gov.example",
        "+33\u200b1 23 45 67 89",
        "\u00ad",
        "&amp;",
        "%40",
        "Ministry of Finance",
        "14.1 ",
        MASK,
    ]
)
TEXTS = st.one_of(st.text(), st.text("0123456789+-() ./@aéZ:\n"), st.lists(st.one_of(PIECES, st.text())).map("".join))


@given(TEXTS)
def test_masking_keeps_the_length_and_all_other_characters(text: str) -> None:
    marks = find_personal_data(text)
    masked = mask_personal_data(text)
    assert len(masked) == len(text)
    marked = {index for mark in marks for index in range(mark.start, mark.end)}
    for index, (before, after) in enumerate(zip(text, masked, strict=True)):
        assert after == (MASK if index in marked else before)


@given(TEXTS)
def test_marks_are_ordered_disjoint_not_empty_and_within_a_line(text: str) -> None:
    end = 0
    for mark in find_personal_data(text):
        assert end <= mark.start < mark.end <= len(text)
        assert "\n" not in text[mark.start : mark.end]
        end = mark.end


def test_given_marks_are_masked_and_no_others() -> None:
    assert (
        mask_personal_data("Jane Doe, jane@gov.example", [Mark(0, 8, PersonalDataKind.NAME)])
        == MASK * 8 + ", jane@gov.example"
    )


@pytest.mark.parametrize(
    "text",
    [
        "a@" * 50_000,
        "&amp;" * 30_000,
        "%25" * 30_000,
        "\u200b" * 90_000,
        "Mr Jane Doe " * 9_000 + "+33 1 23 45 67 89 " * 9_000,
        "+1" * 50_000,
        "0 1 2 3 4 " * 10_000,
        "Contact: " + "Aa " * 30_000,
    ],
)
def test_a_hostile_text_takes_linear_time(text: str) -> None:
    start = time.process_time()
    find_personal_data(text)
    assert time.process_time() - start < 5
