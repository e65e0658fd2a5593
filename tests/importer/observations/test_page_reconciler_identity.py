"""Pages of one commitment, member or plan are recorded as one, under whatever code, name or language."""

from __future__ import annotations

import pytest

from ogpgraph.domain import action_plan as action_plan_commands
from ogpgraph.domain import lineage as lineage_commands
from ogpgraph.domain import merger as merger_commands
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.system import System
from tests.graphql.client import execute_query, query_commitment
from tests.importer.sample_pages import (
    FERRIES,
    LIBRARIES,
    LIGHTHOUSE,
    Sibling,
    day,
    import_sample_page,
    with_spanish_labels,
)

PERSON = CommandContext(actor="jane", role="publisher", time=day(2))


def commitment_codes(system: System) -> list[str]:
    return [
        each["code"] for each in execute_query(system, "{ commitments { nodes { code } } }")["commitments"]["nodes"]
    ]


class TestCodes:
    def test_a_page_under_a_former_code_updates_the_same_commitment(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        system.execute(
            PERSON,
            lambda uow: lineage_commands.recode_commitment(uow, uow.require_by_code("commitment", "UY0901"), "UY0105"),
        )
        report = import_sample_page(system, FERRIES.with_changes(status="Inactive"), 3)
        assert dict(report.events) == {"SourceObserved": 1, "CommitmentRevised": 1}
        assert commitment_codes(system) == ["UY0105"]
        assert query_commitment(system, "uy0901", "code formerCodes status") == {
            "code": "UY0105",
            "formerCodes": ["UY0901"],
            "status": "INACTIVE",
        }

    def test_a_page_under_the_new_code_and_a_list_with_the_former_one_update_it_too(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        system.execute(
            PERSON,
            lambda uow: lineage_commands.recode_commitment(uow, uow.require_by_code("commitment", "UY0901"), "UY0105"),
        )
        report = import_sample_page(system, FERRIES.with_changes(code="UY0105", status="Inactive"), 3)
        assert report.warnings == ()
        import_sample_page(
            system, FERRIES.with_changes(code="UY0333", title="Trams", siblings=[Sibling("UY0901", "Ferry Tables")]), 4
        )
        assert commitment_codes(system) == ["UY0105", "UY0333"]
        found = query_commitment(system, "UY0901", "code status sources { code type }")
        assert (found["code"], found["status"]) == ("UY0105", "INACTIVE")
        assert {"code": "UY0901", "type": "PAGE"} in found["sources"]
        assert {"code": "UY0105", "type": "PAGE"} in found["sources"]

    def test_a_page_of_a_merged_commitment_updates_the_remaining_one(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        import_sample_page(system, FERRIES.with_changes(code="UY0105"), 2)
        system.execute(
            PERSON,
            lambda uow: merger_commands.merge_commitments(
                uow, [uow.require_by_code("commitment", "UY0901")], uow.require_by_code("commitment", "UY0105")
            ),
        )
        import_sample_page(system, FERRIES.with_changes(status="Inactive"), 3)
        assert query_commitment(system, "UY0901", "code status") == {"code": "UY0105", "status": "INACTIVE"}

    def test_codes_are_equal_in_any_case(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        import_sample_page(system, FERRIES.text.replace("(UY0901)", "(uy0901)").encode(), 2)
        assert commitment_codes(system) == ["UY0901"]

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
    def test_the_member_is_that_of_the_codes_prefix(self, system: System, code: str, member: str, kind: str) -> None:
        import_sample_page(system, FERRIES.with_changes(code=code, country="Somewhere", plan="Action Plan 2018-2020"))
        assert query_commitment(system, code, "member { code type }") == {"member": {"code": member, "type": kind}}

    def test_former_and_present_codes_of_a_local_member_belong_to_one_member(self, system: System) -> None:
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
    def test_a_renamed_member_is_one_member_with_its_former_name_in_the_past(self, system: System) -> None:
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

    def test_a_name_in_capitals_is_no_renaming(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(country="URUGUAY"), 1)
        assert execute_query(system, '{ member(code: "UY") { name } }')["member"] == {"name": "Uruguay"}

    def test_a_name_in_another_language_is_no_renaming(self, system: System) -> None:
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
    def test_the_cycle_is_read_from_the_page_and_the_years_from_the_title(
        self, system: System, name: str, cycle: int, starts: str | None, ends: str | None
    ) -> None:
        page = FERRIES.with_changes(plan=name).text.replace("Action Plan Cycle: 2018", f"Action Plan Cycle: {cycle}")
        import_sample_page(system, page.encode())
        plan = query_commitment(system, "UY0901", "cycle actionPlan { title cycle startsOn endsOn }")
        assert plan["cycle"] == cycle
        assert plan["actionPlan"] == {"title": name, "cycle": cycle, "startsOn": starts, "endsOn": ends}

    def test_two_titles_of_one_cycle_are_one_renamed_plan(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(plan="Kaduna State National Action Plan 2018-2020"), 1)
        import_sample_page(system, FERRIES.with_changes(plan="Kaduna State Action Plan 2018-2020"), 2)
        plans = execute_query(system, "{ actionPlans { nodes { title } } }")["actionPlans"]["nodes"]
        assert plans == [{"title": "Kaduna State Action Plan 2018-2020"}]

    def test_two_plans_of_one_year_are_distinguished_by_the_months_in_their_titles(self, system: System) -> None:
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
        translated = with_spanish_labels(
            december.with_changes(title="Tranvías", plan="Uruguay Plan de Acción 2018-2020 (diciembre)")
        )
        import_sample_page(system, translated, 5)
        assert len(execute_query(system, "{ actionPlans { nodes { code } } }")["actionPlans"]["nodes"]) == 2

    def test_a_title_in_a_language_that_pages_are_not_read_in_has_no_month(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        system.execute(PERSON, _add_german_title)
        december = FERRIES.with_changes(plan="Uruguay Action Plan 2018-2020 (December)")
        assert import_sample_page(system, december, 3).outcome == "recorded"
        assert len(execute_query(system, "{ actionPlans { nodes { code } } }")["actionPlans"]["nodes"]) == 1

    def test_a_month_in_only_one_of_two_titles_makes_no_second_plan(self, system: System) -> None:
        import_sample_page(system, FERRIES, 1)
        import_sample_page(system, FERRIES.with_changes(plan="Uruguay Action Plan 2018-2020 (December)"), 2)
        assert len(execute_query(system, "{ actionPlans { nodes { code } } }")["actionPlans"]["nodes"]) == 1

    def test_not_attached_is_no_title(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(plan="Not Attached"))
        assert query_commitment(system, "UY0901", "actionPlan { title cycle }")["actionPlan"] == {
            "title": None,
            "cycle": 2018,
        }

    def test_a_plan_that_was_not_attached_gets_its_title_later(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(plan="Not Attached"), 1)
        import_sample_page(system, FERRIES, 2)
        plans = execute_query(system, "{ actionPlans { nodes { title } } }")["actionPlans"]["nodes"]
        assert plans == [{"title": "Uruguay Action Plan 2018-2020"}]


def _add_german_title(uow: UnitOfWork) -> None:
    title = uow.text_value("Aktionsplan 2018-2020 (Dezember)")
    action_plan_commands.revise_action_plan(uow, uow.require_by_code("plan", "URY-2018"), {"title/de": title})
