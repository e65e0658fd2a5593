from __future__ import annotations

import pytest

from ogpgraph.importer.plausibility_checks import extract_numbers
from ogpgraph.importer.report import Report
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.sample_pages import FERRIES, Page, Sibling, import_sample_page, with_spanish_labels


def warnings(report: Report) -> list[tuple[str, str]]:
    return [(each.kind, each.text) for each in report.warnings]


def test_a_number_that_differs_between_translations_is_a_warning(system: System) -> None:
    import_sample_page(
        system, FERRIES.with_changes(description="From 15 to 65 ferries, 1,200 times, in 2.5 years [3].")
    )
    report = import_sample_page(
        system,
        with_spanish_labels(
            FERRIES.with_changes(title="Tablas", description="De 15 a 56 transbordadores, 1.200 veces, en 2,5 años [].")
        ),
    )
    assert report.language == "es"
    assert warnings(report) == [("number-differs", "description: only in es: 56; only in en: 65")]


def test_equal_numbers_of_translations_are_no_warning(system: System) -> None:
    import_sample_page(system, FERRIES.with_changes(description="1,200 ferries by 2019."))
    assert (
        warnings(
            import_sample_page(
                system,
                with_spanish_labels(FERRIES.with_changes(title="Tablas", description="1 200 transbordadores en 2019.")),
            )
        )
        == []
    )


def test_a_header_that_contradicts_the_narrative_is_a_warning(system: System) -> None:
    prose = "This commitment is not specific enough to be verifiable."
    report = import_sample_page(system, FERRIES.with_changes(prose=prose))
    assert [each.kind for each in report.warnings] == ["contradiction"]
    assert report.warnings[0].text in prose


def test_a_country_other_than_that_of_the_code_is_a_warning(system: System) -> None:
    report = import_sample_page(system, FERRIES.with_changes(country="Denmark"))
    assert warnings(report) == [("member-differs", "the page names Denmark, UY0901 is of Uruguay")]


def test_a_former_name_of_the_member_is_no_warning(system: System) -> None:
    page = FERRIES.with_changes(code="MK0901", country="Macedonia", plan="Macedonia Action Plan 2018-2020")
    assert warnings(import_sample_page(system, page)) == []


def test_the_same_title_in_the_same_plan_under_another_code_is_a_warning_and_not_merged(system: System) -> None:
    import_sample_page(system, FERRIES)
    report = import_sample_page(system, FERRIES.with_changes(code="UY0105", title="FERRY  Tables"), 2)
    assert warnings(report) == [
        (
            "code-reissued",
            "this page gives UY0105 the title that UY0901 has in the same plan: if they are one, recode or merge",
        )
    ]
    codes = [
        each["code"] for each in execute_query(system, "{ commitments { nodes { code } } }")["commitments"]["nodes"]
    ]
    assert codes == ["UY0105", "UY0901"]


def test_the_same_title_in_a_list_under_another_code_is_a_warning(system: System) -> None:
    import_sample_page(system, FERRIES)
    other = FERRIES.with_changes(code="UY0333", title="Trams", siblings=[Sibling("UY0105", "Ferry Tables")])
    assert [each.kind for each in import_sample_page(system, other, 2).warnings] == ["code-reissued"]


def test_the_same_title_in_another_plan_is_no_warning(system: System) -> None:
    import_sample_page(system, FERRIES)
    later = Page("UY0105", plan="Uruguay Action Plan 2021-2023").text.replace("Cycle: 2018", "Cycle: 2021")
    assert warnings(import_sample_page(system, later.encode(), 2)) == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,000 and 1.000 and 1 000 and 1000", {"1000"}),
        ("2.5 and 2,5", {"2.5"}),
        ("14.1. Organise in 2018-2020", {"14.1", "2018", "2020"}),
        ("see [57] https://example.org/2019/12", set()),
        ("65% of 15", {"65", "15"}),
    ],
)
def test_numbers_are_compared_by_their_value(text: str, numbers: set[str]) -> None:
    assert extract_numbers(text) == numbers


def rate(system: System) -> list[tuple[str, str | None]]:
    query = '{ commitment(code: "UY0901") { ratings(indicator: COMPLETION) { state value } } }'
    return [(each["state"], each["value"]) for each in execute_query(system, query)["commitment"]["ratings"]]


@pytest.mark.parametrize("days", [(1, 5), (5, 1)])
@pytest.mark.parametrize("is_english_first", [True, False])
def test_a_pending_review_in_one_language_never_stands_over_the_finding_in_another(
    system: System, days: tuple[int, int], *, is_english_first: bool
) -> None:
    pending = FERRIES.data
    found = with_spanish_labels(FERRIES.with_changes(title="Tablas", completion="Limited"))
    pages = list(zip((pending, found), days, strict=True))
    reports = [import_sample_page(system, *page) for page in (pages if is_english_first else pages[::-1])]
    assert rate(system) == [("RATED", "LIMITED")]
    texts = {
        "en": "ratings/COMPLETION/RESULTS: PENDING here, LIMITED in es",
        "es": "ratings/COMPLETION/RESULTS: LIMITED here, PENDING in en",
    }
    assert ("rating-differs", texts[reports[1].language]) in warnings(reports[1])
    assert warnings(reports[0]) == []
