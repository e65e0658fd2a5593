from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ogpgraph import cli
from ogpgraph.application import CommandContext
from ogpgraph.domain.errors import NotFound
from ogpgraph.importer.plausibility_checks import extract_numbers
from ogpgraph.importer.report import Report, build_report_document
from ogpgraph.importer.run import import_files
from ogpgraph.importer.writer import revert_import
from ogpgraph.system import System
from tests.graphql.client import dump_state, execute_query
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, LIMIT, Page, Sibling, day, import_sample_page

FERRIES = Page()
CONTACT = "Print the tables. Contact: Jane Doe, jane@gov.example, +598 2 555 0134. The plan runs 2018-2020."
MASKED = "Print the tables. Contact: ████████, ████████████████, ███████████████. The plan runs 2018-2020."


def spanish(page: Page, title: str, description: str) -> bytes:
    """The page as the Spanish site has it."""
    text = page.with_changes(title=title, description=description).text
    for english, other in (
        ("Overview", "Resumen"),
        ("At-a-Glance", "De un vistazo"),
        ("Action Plan Cycle", "Ciclo del plan de acción"),
        ("Action Plan:", "Plan de ACCION:"),
        ("Status: Active", "Estado: Activo"),
        ("Institutions", "Instituciones"),
        ("Lead Institution", "Institución principal"),
        ("Policy Areas", "Áreas de política"),
        ("IRM Review", "Revisión de IRM"),
        ("IRM Report: Pending Revisión de IRM", "Informe de IRM: Revisión pendiente de IRM"),
        ("Verifiable: Yes", "Verificable: Sí"),
        ("Completion: Pending Revisión de IRM", "Terminación: Revisión pendiente de IRM"),
        ("Description", "Descripción"),
    ):
        text = text.replace(english, other)
    return text.encode()


def warnings(report: Report) -> list[tuple[str, str]]:
    return [(each.kind, each.text) for each in report.warnings]


class TestPersonalData:
    def test_it_is_masked_for_the_public_and_counted(self, system: System) -> None:
        report = import_sample_page(system, FERRIES.with_changes(description=CONTACT))
        assert report.personal == {"NAME": 1, "EMAIL": 1, "PHONE": 1}
        found = execute_query(system, '{ commitment(code: "UY0901") { description } }')["commitment"]
        assert found["description"] == MASKED

    def test_no_answer_at_all_holds_it(self, system: System) -> None:
        import_sample_page(
            system, FERRIES.with_changes(description=CONTACT, lead="Ministry of Ferries, jane@gov.example")
        )
        import_sample_page(
            system,
            FERRIES.with_changes(
                description=CONTACT + " Tel: 555 0134", siblings=[Sibling("UY0902", "Ask jane@gov.example")]
            ),
            2,
        )
        everything = json.dumps(
            [
                dump_state(system),
                execute_query(
                    system,
                    """{ entries(first: 100) { nodes { reason changes { path before after } evidence { path quote } } }
                    commitments { nodes { title description leadInstitutions supportingInstitutions
                      localizedTexts { text } blame { value evidence { quote } claims: value } } } }""",
                ),
            ],
            ensure_ascii=False,
        )
        assert "█" in everything
        for secret in ("Jane Doe", "jane@", "gov.example", "555 0134"):
            assert secret not in everything

    def test_a_quote_is_masked_as_the_wording_that_was_read_from_it(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(description=CONTACT))
        found = execute_query(
            system, '{ commitment(code: "UY0901") { blame(path: "description/en") { value evidence { quote } } } }'
        )
        (blame,) = found["commitment"]["blame"]
        assert blame["value"] == blame["evidence"][0]["quote"] == MASKED

    def test_what_nobody_may_read_is_still_compared_whole(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(description=CONTACT), 1)
        assert dict(import_sample_page(system, FERRIES.with_changes(description=CONTACT), 2).events) == {
            "SourceSeenAgain": 1
        }
        report = import_sample_page(
            system, FERRIES.with_changes(description=CONTACT.replace("Jane Doe", "Joan Roe")), 3
        )
        assert dict(report.events) == {"SourceObserved": 1, "CommitmentRevised": 1}

    def test_a_reason_is_masked_as_any_wording(self, system: System) -> None:
        import_sample_page(system, FERRIES, reason="as jane@gov.example asked")
        reasons = {
            each["reason"] for each in execute_query(system, "{ entries { nodes { reason } } }")["entries"]["nodes"]
        }
        assert reasons == {"as ████████████████ asked"}

    def test_the_report_itself_holds_none(self, system: System) -> None:
        page = FERRIES.text.replace("Policy Areas\n\nOpen Data", "Policy Areas\n\nOpen Data, jane@gov.example")
        report = import_sample_page(system, page.encode())
        assert [each.text for each in report.unrecognized] == ["████████████████"]
        assert "jane@" not in json.dumps(report.as_json())


class TestDoubts:
    def test_a_number_that_differs_between_translations_is_warned_of(self, system: System) -> None:
        import_sample_page(
            system, FERRIES.with_changes(description="From 15 to 65 ferries, 1,200 times, in 2.5 years [3].")
        )
        report = import_sample_page(
            system, spanish(FERRIES, "Tablas", "De 15 a 56 transbordadores, 1.200 veces, en 2,5 años [].")
        )
        assert report.language == "es"
        assert warnings(report) == [("number-differs", "description: only in es: 56; only in en: 65")]

    def test_translations_that_agree_are_not(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(description="1,200 ferries by 2019."))
        assert warnings(import_sample_page(system, spanish(FERRIES, "Tablas", "1 200 transbordadores en 2019."))) == []

    def test_a_header_that_contradicts_the_narrative_is_warned_of(self, system: System) -> None:
        prose = "This commitment is not specific enough to be verifiable."
        report = import_sample_page(system, FERRIES.with_changes(prose=prose))
        assert [each.kind for each in report.warnings] == ["contradiction"]
        assert report.warnings[0].text in prose

    def test_a_country_that_is_not_the_codes_is_warned_of(self, system: System) -> None:
        report = import_sample_page(system, FERRIES.with_changes(country="Denmark"))
        assert warnings(report) == [("member-differs", "the page names Denmark, UY0901 is of Uruguay")]

    def test_a_former_name_of_the_member_is_not(self, system: System) -> None:
        page = FERRIES.with_changes(code="MK0901", country="Macedonia", plan="Macedonia Action Plan 2018-2020")
        assert warnings(import_sample_page(system, page)) == []

    def test_the_same_title_in_the_same_plan_under_another_code_is_suspected_and_not_merged(
        self, system: System
    ) -> None:
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

    def test_so_is_one_that_a_list_has_under_another_code(self, system: System) -> None:
        import_sample_page(system, FERRIES)
        other = FERRIES.with_changes(code="UY0333", title="Trams", siblings=[Sibling("UY0105", "Ferry Tables")])
        assert [each.kind for each in import_sample_page(system, other, 2).warnings] == ["code-reissued"]

    def test_the_same_title_in_another_plan_is_not(self, system: System) -> None:
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
    def test_numbers_are_compared_as_people_mean_them(self, text: str, numbers: set[str]) -> None:
        assert extract_numbers(text) == numbers


class TestNothingIsDropped:
    def test_unknown_labels_and_values_are_told_with_their_line(self, system: System) -> None:
        page = FERRIES.text.replace("Open Data\n", "Open Data, Kite Policy\n").replace(
            "Verifiable: Yes", "Verifiable: Perhaps"
        )
        report = import_sample_page(system, page.encode())
        told = {(each.kind, each.text): each.line for each in report.unrecognized}
        lines = page.splitlines()
        for (_, text), line in told.items():
            assert text in lines[line - 1]
        assert {text for _, text in told} == {"Kite Policy", "Perhaps"}

    def test_events_are_told_by_kind_and_cause(self, system: System) -> None:
        assert import_sample_page(system, FERRIES).as_json()["events"]["CommitmentRegistered"] == {"REPORTED": 1}
        changed = import_sample_page(system, FERRIES.with_changes(status="Inactive"), 2)
        assert changed.as_json()["events"] == {
            "CommitmentRevised": {"SOURCE_CHANGED": 1},
            "SourceObserved": {"SOURCE_CHANGED": 1},
        }
        assert changed.causes == {"SOURCE_CHANGED": 2}


def act(on: int = 1, correlation: str | None = None) -> CommandContext:
    return CommandContext(actor="importer", role="publisher", time=day(on), correlation=correlation)


def files_in(folder: Path, *pages: Page) -> list[Path]:
    made = [folder / f"{place}.txt" for place in range(len(pages))]
    for file, page in zip(made, pages, strict=True):
        file.write_bytes(page.data)
    return made


def everything_in(system: System) -> list[tuple[Any, ...]]:
    tables = ("event", "stored_text", "entry", "version", "tag", "log")
    with system.database.read() as transaction:
        return [tuple(row) for table in tables for row in transaction.fetch_all(f"select * from {table}")]


class TestDryRun:
    PAGES = (
        FERRIES.with_changes(siblings=[Sibling("UY0902", "Trams")]),
        FERRIES.with_changes(code="UY0902", title="Trams", siblings=[Sibling("UY0901", "Ferry Tables")]),
        FERRIES.with_changes(code="UY0105"),
    )

    def test_it_tells_what_an_import_tells(self, system: System, tmp_path: Path) -> None:
        files = [*files_in(tmp_path, *self.PAGES), LIGHTHOUSE, LIBRARIES, tmp_path / "none.txt"]
        rehearsed = list(import_files(system, files, act(), limit_bytes=LIMIT, dry_run=True))
        assert rehearsed == list(import_files(system, files, act(), limit_bytes=LIMIT))
        assert [each.outcome for each in rehearsed] == ["recorded"] * 5 + ["refused"]
        assert rehearsed[2].warnings[0].kind == "code-reissued"

    def test_it_writes_nothing_at_all(self, system: System, tmp_path: Path) -> None:
        import_sample_page(system, FERRIES.with_changes(status="Inactive"))
        before = everything_in(system)
        list(import_files(system, files_in(tmp_path, *self.PAGES), act(2), limit_bytes=LIMIT, dry_run=True))
        assert everything_in(system) == before


class TestCommand:
    def invoke(self, folder: Path, *arguments: str | Path) -> Result:
        return CliRunner().invoke(cli.app, [*map(str, arguments), "--database", f"sqlite:///{folder}/log.db"])

    def test_json_is_all_that_is_printed(self, tmp_path: Path) -> None:
        files = files_in(tmp_path, FERRIES.with_changes(description=CONTACT))
        result = self.invoke(tmp_path, "import", *files, tmp_path / "none.txt", "--json", "--observed", "2021-03-01")
        told = json.loads(result.stdout)
        assert result.exit_code == 1
        assert [(each["file"], each["outcome"]) for each in told["files"]] == [
            (str(files[0]), "recorded"),
            (str(tmp_path / "none.txt"), "refused"),
        ]
        assert told["files"][1]["problem"] == "No such file or directory"
        assert told["totals"]["personalData"] == {"EMAIL": 1, "NAME": 1, "PHONE": 1}
        assert told["totals"]["outcomes"] == {"recorded": 1, "refused": 1}
        assert told["totals"]["events"] == told["files"][0]["events"]
        assert len(told["correlation"]) == 32
        assert "none.txt: No such file" in result.stderr

    def test_the_table_names_files_pages_and_what_to_look_at(self, tmp_path: Path) -> None:
        result = self.invoke(tmp_path, "import", *files_in(tmp_path, FERRIES.with_changes(country="Denmark"), FERRIES))
        assert result.exit_code == 0
        for words in ("0.txt", "UY0901 en", "2 files", "1 CommitmentRegistered REPORTED", "ogpgraph revert "):
            assert words in result.stdout
        assert f"{tmp_path}/0.txt:1: member-differs: the page names Denmark, UY0901 is of Uruguay" in result.stdout

    def test_a_dry_run_makes_no_database(self, tmp_path: Path) -> None:
        result = self.invoke(tmp_path, "import", *files_in(tmp_path, FERRIES), "--dry-run")
        assert result.exit_code == 0
        assert "A dry run: nothing was recorded." in result.stdout
        assert [file.name for file in tmp_path.iterdir()] == ["0.txt"]

    def test_an_import_is_reverted_by_the_correlation_that_it_told(self, tmp_path: Path) -> None:
        result = self.invoke(tmp_path, "import", *files_in(tmp_path, FERRIES), "--json")
        correlation = json.loads(result.stdout)["correlation"]
        reverted = self.invoke(tmp_path, "revert", correlation, "--reason", "the wrong pages")
        assert reverted.exit_code == 0
        assert f"{correlation}: reverted by" in reverted.stdout
        again = self.invoke(tmp_path, "revert", correlation, "--reason", "the wrong pages")
        assert again.stdout.strip() == f"{correlation}: nothing left to revert"


class TestReverting:
    def test_a_bad_import_is_gone_and_stays_readable_where_it_was(self, system: System, tmp_path: Path) -> None:
        import_sample_page(system, FERRIES, 1)
        before = dump_state(system)
        bad = files_in(
            tmp_path,
            FERRIES.with_changes(status="Inactive", lead=None),
            FERRIES.with_changes(code="UY0902", title="Trams"),
        )
        list(import_files(system, bad, act(2, "bad"), limit_bytes=LIMIT))
        during = execute_query(system, "{ meta { position } }")["meta"]["position"]
        assert revert_import(system, "bad", act(3)) > 0
        after = {code: state for code, state in dump_state(system).items() if state["values"]}
        assert {code: state["values"] for code, state in after.items()} == {
            code: state["values"] for code, state in before.items()
        }
        then = execute_query(
            system, 'query ($p: Position!) { at(position: $p) { commitment(code: "UY0901") { status } } }', p=during
        )
        assert then["at"]["commitment"]["status"] == "INACTIVE"
        assert execute_query(system, '{ commitment(code: "UY0902") { code } }')["commitment"] is None

    def test_what_was_reverted_can_be_imported_again(self, system: System, tmp_path: Path) -> None:
        files = files_in(tmp_path, FERRIES)
        list(import_files(system, files, act(1, "bad"), limit_bytes=LIMIT))
        before = dump_state(system)["UY0901"]["values"]
        revert_import(system, "bad", act(2))
        list(import_files(system, files, act(3), limit_bytes=LIMIT))
        assert dump_state(system)["UY0901"]["values"] == before

    def test_what_was_never_imported_cannot_be_reverted(self, system: System) -> None:
        with pytest.raises(NotFound, match="nothing was recorded under nothing-such"):
            revert_import(system, "nothing-such", act())


def test_the_document_of_no_files_is_whole() -> None:
    assert build_report_document([], correlation=None, dry_run=True)["totals"]["files"] == 0
