"""One commitment stays one, whatever its codes, names and addresses were; and only real changes are changes."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from ogpgraph.application import CommandContext
from ogpgraph.application.commands import commitments
from ogpgraph.domain.source import source_id
from ogpgraph.importer.observations.value_equivalence import is_same_text
from ogpgraph.importer.run import is_same_url, source_id_from_url
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, SEED_EN, SEED_ES, Page, Sibling, day, import_sample_page

FERRIES = Page()
PERSON = CommandContext(actor="jane", role="publisher", time=day(2))
Layout = Callable[[str], str]


def codes(system: System) -> list[str]:
    return [
        each["code"] for each in execute_query(system, "{ commitments { nodes { code } } }")["commitments"]["nodes"]
    ]


def commitment(system: System, code: str, fields: str) -> Any:
    return execute_query(system, f'{{ commitment(code: "{code}") {{ {fields} }} }}')["commitment"]


class TestCodes:
    def test_a_page_under_a_former_code_updates_the_same_commitment(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        system.execute(
            PERSON,
            lambda uow: commitments.recode_commitment(uow, uow.require_by_code("commitment", "UY0901"), "UY0105"),
        )
        report = import_sample_page(system, FERRIES.with_changes(status="Inactive"), 3)
        assert dict(report.events) == {"SourceObserved": 1, "CommitmentRevised": 1}
        assert codes(system) == ["UY0105"]
        assert commitment(system, "uy0901", "code formerCodes status") == {
            "code": "UY0105",
            "formerCodes": ["UY0901"],
            "status": "INACTIVE",
        }

    def test_so_does_a_page_under_the_new_one_and_a_list_that_still_has_the_former(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        system.execute(
            PERSON,
            lambda uow: commitments.recode_commitment(uow, uow.require_by_code("commitment", "UY0901"), "UY0105"),
        )
        report = import_sample_page(system, FERRIES.with_changes(code="UY0105", status="Inactive"), 3)
        assert report.warnings == ()
        import_sample_page(
            system, FERRIES.with_changes(code="UY0333", title="Trams", siblings=[Sibling("UY0901", "Ferry Tables")]), 4
        )
        assert codes(system) == ["UY0105", "UY0333"]
        found = commitment(system, "UY0901", "code status sources { code type }")
        assert (found["code"], found["status"]) == ("UY0105", "INACTIVE")
        assert {"code": "UY0901", "type": "PAGE"} in found["sources"]
        assert {"code": "UY0105", "type": "PAGE"} in found["sources"]

    def test_two_that_turn_out_to_be_one_are_one_after_a_merge(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        import_sample_page(system, FERRIES.with_changes(code="UY0105"), 2)
        system.execute(
            PERSON,
            lambda uow: commitments.merge_commitments(
                uow, [uow.require_by_code("commitment", "UY0901")], uow.require_by_code("commitment", "UY0105")
            ),
        )
        import_sample_page(system, FERRIES.with_changes(status="Inactive"), 3)
        assert commitment(system, "UY0901", "code status") == {"code": "UY0105", "status": "INACTIVE"}

    def test_codes_count_in_any_case(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        import_sample_page(system, FERRIES.text.replace("(UY0901)", "(uy0901)").encode(), 2)
        assert codes(system) == ["UY0901"]

    @pytest.mark.parametrize(
        ("code", "member", "kind"),
        [
            ("UK0090", "GBR", "NATIONAL"),
            ("GB0090", "GBR", "NATIONAL"),
            ("XK0011", "XKX", "NATIONAL"),
            ("PNG0001", "PNG", "NATIONAL"),
            ("KAD0004", "NGKD", "LOCAL"),
            ("NGKD0008", "NGKD", "LOCAL"),
            ("NG0004", "NGA", "NATIONAL"),
            ("BUE0009", "ARBA", "LOCAL"),
            ("ARBA0002", "ARBA", "LOCAL"),
            ("AR0002", "ARG", "NATIONAL"),
            ("SCO0001", "GBSC", "LOCAL"),
        ],
    )
    def test_a_code_tells_its_member_and_its_length_does_not(
        self, system: System, code: str, member: str, kind: str
    ) -> None:
        import_sample_page(system, FERRIES.with_changes(code=code, country="Somewhere", plan="Action Plan 2018-2020"))
        assert commitment(system, code, "member { code type }") == {"member": {"code": member, "type": kind}}

    def test_a_pilots_old_and_new_codes_are_of_one_member(self, system: System) -> None:
        name = "Kaduna State, Nigeria"
        import_sample_page(
            system,
            FERRIES.with_changes(code="KAD0004", country=name, plan="Kaduna State National Action Plan 2018-2020"),
        )
        import_sample_page(
            system,
            FERRIES.with_changes(
                code="NGKD0008", title="Trams", country=name, plan="Kaduna State Action Plan 2018-2020"
            ),
        )
        members = execute_query(system, "{ members { nodes { code } } }")["members"]["nodes"]
        assert members == [{"code": "NGKD"}]


class TestMembers:
    def test_one_that_was_renamed_is_still_one_and_had_its_name(self, system: System) -> None:
        page = FERRIES.with_changes(code="MK0901", plan="Macedonia Action Plan 2018-2020")
        import_sample_page(system, page.with_changes(country="Macedonia"), 1)
        before = execute_query(system, "{ meta { position } }")["meta"]["position"]
        import_sample_page(system, page.with_changes(country="North Macedonia"), 2)
        now = execute_query(system, "{ members { nodes { code name } } }")["members"]["nodes"]
        assert now == [{"code": "MKD", "name": "North Macedonia"}]
        then = execute_query(
            system, 'query ($p: Position!) { at(position: $p) { member(code: "MKD") { name } } }', p=before
        )
        assert then["at"]["member"]["name"] == "Macedonia"

    def test_a_name_in_another_language_renames_nobody(self, system: System) -> None:
        import_sample_page(system, LIGHTHOUSE, 1)
        import_sample_page(system, LIBRARIES, 2)
        assert execute_query(system, '{ member(code: "UY") { code name(language: "en") } }')["member"] == {
            "code": "URY",
            "name": "Uruguay",
        }


class TestPlans:
    @pytest.mark.parametrize(
        ("name", "cycle", "starts", "ends"),
        [
            ("Philippines - First National Action Plan - 2012-2013", 2011, "2012", "2013"),
            ("Ireland, First Action Plan, 2014-16", 2014, "2014", "2016"),
            ("Action plan – Montevideo, Uruguay, 2021 – 2023", 2021, "2021", "2023"),
            ("Brazil Second Action Plan", 2013, None, None),
        ],
    )
    def test_the_cycle_is_the_pages_and_the_years_are_the_names(
        self, system: System, name: str, cycle: int, starts: str | None, ends: str | None
    ) -> None:
        page = FERRIES.with_changes(plan=name).text.replace("Action Plan Cycle: 2018", f"Action Plan Cycle: {cycle}")
        import_sample_page(system, page.encode())
        plan = commitment(system, "UY0901", "cycle actionPlan { title cycle startsOn endsOn }")
        assert plan["cycle"] == cycle
        assert plan["actionPlan"] == {"title": name, "cycle": cycle, "startsOn": starts, "endsOn": ends}

    def test_two_names_of_one_cycle_are_one_plan_that_was_renamed(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(plan="Kaduna State National Action Plan 2018-2020"), 1)
        import_sample_page(system, FERRIES.with_changes(plan="Kaduna State Action Plan 2018-2020"), 2)
        plans = execute_query(system, "{ actionPlans { nodes { title } } }")["actionPlans"]["nodes"]
        assert plans == [{"title": "Kaduna State Action Plan 2018-2020"}]

    def test_two_plans_of_one_year_are_told_by_their_delivery_windows(self, system: System) -> None:
        june = FERRIES.with_changes(plan="Uruguay Action Plan 2018-2020 (June)")
        december = FERRIES.with_changes(code="UY0902", title="Trams", plan="Uruguay Action Plan 2018-2020 (December)")
        for on, page in enumerate(
            (june, december, june.with_changes(status="Inactive"), december.with_changes(status="Inactive")), 1
        ):
            import_sample_page(system, page, on)
        plans = execute_query(system, "{ actionPlans { nodes { title cycle commitments { nodes { code } } } } }")[
            "actionPlans"
        ]
        assert plans["nodes"] == [
            {"title": june.plan, "cycle": 2018, "commitments": {"nodes": [{"code": "UY0901"}]}},
            {"title": december.plan, "cycle": 2018, "commitments": {"nodes": [{"code": "UY0902"}]}},
        ]
        translated = _in_spanish(
            december.with_changes(title="Tranvías", plan="Uruguay Plan de Acción 2018-2020 (diciembre)")
        )
        import_sample_page(system, translated, 5)
        assert len(execute_query(system, "{ actionPlans { nodes { code } } }")["actionPlans"]["nodes"]) == 2

    def test_a_window_alone_makes_no_second_plan(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        import_sample_page(system, FERRIES.with_changes(plan="Uruguay Action Plan 2018-2020 (December)"), 2)
        assert len(execute_query(system, "{ actionPlans { nodes { code } } }")["actionPlans"]["nodes"]) == 1

    def test_not_attached_is_no_name(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(plan="Not Attached"))
        assert commitment(system, "UY0901", "actionPlan { title cycle }")["actionPlan"] == {
            "title": None,
            "cycle": 2018,
        }

    def test_a_plan_that_was_not_attached_gets_its_name_later(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(plan="Not Attached"), 1)
        import_sample_page(system, FERRIES, 2)
        plans = execute_query(system, "{ actionPlans { nodes { title } } }")["actionPlans"]["nodes"]
        assert plans == [{"title": "Uruguay Action Plan 2018-2020"}]


class TestAddresses:
    def test_an_address_means_a_code_and_a_language_and_its_slug_nothing(self) -> None:
        english = source_id("PAGE", "XK0011", "en")
        for url in (
            "https://www.opengovpartnership.org/members/kosovo/commitments/XK0011/",
            "http://opengovpartnership.org/members/denmark/commitments/xk0011",
        ):
            assert source_id_from_url(url) == english
        spanish = "https://www.opengovpartnership.org/es/members/any/commitments/XK0011/"
        assert source_id_from_url(spanish) == source_id("PAGE", "XK0011", "es")
        assert source_id_from_url("https://www.opengovpartnership.org/stories/") is None

    def test_scheme_www_slash_and_case_make_no_other_place(self) -> None:
        one = "https://www.opengovpartnership.org/members/a/commitments/XK0011/"
        assert is_same_url(one, "http://opengovpartnership.org/members/a/commitments/xk0011")
        assert not is_same_url(one, "https://www.opengovpartnership.org/members/b/commitments/XK0011/")


def compact(text: str) -> str:
    return re.sub(r"\n\s*\n+", "\n", text)


def spread(text: str) -> str:
    return text.replace("\n", "\n\n\n")


def of_windows(text: str) -> str:
    return text.replace("\n", "\r\n")


def unbroken_blanks(text: str) -> str:
    return text.replace(": ", "\u00a0: ")


def wide(text: str) -> str:
    return "\n".join("  " + line.replace(" ", "  ") if line else line for line in text.split("\n"))


def as_html(text: str) -> str:
    lines = "\n".join(f"<p>{html.escape(line)}</p>" for line in text.split("\n") if line.strip())
    return f"<!doctype html><html><body><nav>Menu</nav>{lines}</body></html>"


def prose_rewrapped(text: str) -> str:
    """Break the lines of long paragraphs, as mail does."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, 90, break_on_hyphens=False)) if len(line) > 200 else line
        for line in text.split("\n")
    )


def marks_apart(text: str) -> str:
    """Put each mark of a footnote on a line of its own, as some converters do."""
    return re.sub(r"(?<=\S) (\[\d+\])$", r"\n\1", text, flags=re.MULTILINE)


LAYOUTS = [compact, spread, of_windows, unbroken_blanks, wide, as_html, prose_rewrapped, marks_apart]
PAGES = [pytest.param(path, id=path.stem) for path in (LIGHTHOUSE, LIBRARIES, SEED_EN, SEED_ES) if path.exists()]


class TestCrawls:
    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_another_layout_is_another_sight_and_no_change(self, system: System, path: Any, layout: Layout) -> None:
        text = path.read_text()
        import_sample_page(system, path, 1)
        report = import_sample_page(system, layout(text).encode(), 2)
        assert report.events.keys() <= {"SourceObserved", "SourceSeenAgain"}

    def test_a_change_in_another_layout_is_exactly_the_change(self, system: System) -> None:
        import_sample_page(system, LIGHTHOUSE, 1)
        changed = LIGHTHOUSE.read_text().replace("Status: Active", "Status: Inactive")
        report = import_sample_page(system, compact(changed).encode(), 2)
        assert {name: n for name, n in report.events.items() if not name.startswith("Source")} == {
            "CommitmentRevised": 1
        }
        entries = execute_query(
            system,
            """{ entries(where: {kind: [CommitmentRevised]}) { nodes {
              changes { path before after } changedBetween { after before } cause } } }""",
        )["entries"]["nodes"]
        assert entries[-1] == {
            "changes": [{"path": "status", "before": "ACTIVE", "after": "INACTIVE"}],
            "changedBetween": {"after": "2021-03-01T00:00:00.000000Z", "before": "2021-03-02T00:00:00.000000Z"},
            "cause": "SOURCE_CHANGED",
        }

    def test_back_to_the_former_layout_is_no_change_either(self, system: System) -> None:
        text = LIGHTHOUSE.read_text()
        import_sample_page(system, text.encode(), 1)
        for on, laid_out in enumerate((compact(text), as_html(text), text, spread(text)), 2):
            report = import_sample_page(system, laid_out.encode(), on)
            assert report.events.keys() <= {"SourceObserved", "SourceSeenAgain"}

    def test_a_translation_of_another_day_overwrites_nothing(self, system: System) -> None:
        """The English page was seen first and says less; what the later Spanish one says stands beside it."""
        import_sample_page(system, LIGHTHOUSE, 1)
        ours = commitment(
            system, "UY0901", 'title(language: "en") description(language: "en") status blame { path value }'
        )
        import_sample_page(system, LIGHTHOUSE.read_text().replace("Status: Active", "Status: Inactive").encode(), 3)
        spanish = _in_spanish(FERRIES.with_changes(status="Active"))
        report = import_sample_page(system, spanish, 5)
        assert report.language == "es"
        found = commitment(system, "UY0901", 'title(language: "en") description(language: "en") status languages')
        assert found["status"] == "INACTIVE"
        assert (found["title"], found["description"]) == (ours["title"], ours["description"])
        assert set(found["languages"]) == {"en", "es"}


def _in_spanish(page: Page) -> bytes:
    text = page.text
    for english, other in (
        ("Overview", "Resumen"),
        ("At-a-Glance", "De un vistazo"),
        ("Action Plan Cycle", "Ciclo del plan de acción"),
        ("Action Plan:", "Plan de ACCION:"),
        ("Status: Active", "Estado: Activo"),
        ("Institutions", "Instituciones"),
        ("Lead Institution", "Institución principal"),
        ("Policy Areas", "Áreas de política"),
        ("Verifiable: Yes", "Verificable: Sí"),
        ("Description", "Descripción"),
    ):
        text = text.replace(english, other)
    return text.encode()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a b", "a\nb", True),
        ("a  b", "a b", True),
        ("  • a\n  • b", "a\nb", True),
        ("mot\u00a0: x", "mot: x", True),
        ("a", "A", False),
        ("a.", "a", False),
        ("-5 %", "5 %", False),
        (None, None, False),
    ],
)
def test_words_are_the_same_whatever_the_layout(one: str | None, other: str | None, same: bool) -> None:
    assert is_same_text(one, other) is same
