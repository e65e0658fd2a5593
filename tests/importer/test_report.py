from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from ogpgraph import cli
from ogpgraph.importer.report import build_report_document
from ogpgraph.system import System
from tests.graphql.client import dump_state, execute_query
from tests.importer.sample_pages import FERRIES, Sibling, import_sample_page, write_pages

CONTACT = "Print the tables. Contact: Jane Doe, jane@gov.example, +598 2 555 0134. The plan runs 2018-2020."
MASKED = "Print the tables. Contact: ████████, ████████████████, ███████████████. The plan runs 2018-2020."


class TestPersonalData:
    def test_it_is_masked_in_responses_and_counted_in_the_report(self, system: System) -> None:
        report = import_sample_page(system, FERRIES.with_changes(description=CONTACT))
        assert report.personal == {"NAME": 1, "EMAIL": 1, "PHONE": 1}
        found = execute_query(system, '{ commitment(code: "UY0901") { description } }')["commitment"]
        assert found["description"] == MASKED

    def test_no_response_contains_it(self, system: System) -> None:
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

    def test_a_quote_is_masked_like_the_text_read_from_it(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(description=CONTACT))
        found = execute_query(
            system, '{ commitment(code: "UY0901") { blame(path: "description/en") { value evidence { quote } } } }'
        )
        (blame,) = found["commitment"]["blame"]
        assert blame["value"] == blame["evidence"][0]["quote"] == MASKED

    def test_a_change_of_masked_characters_is_a_change(self, system: System) -> None:
        import_sample_page(system, FERRIES.with_changes(description=CONTACT), 1)
        assert dict(import_sample_page(system, FERRIES.with_changes(description=CONTACT), 2).events) == {
            "SourceObservedUnchanged": 1
        }
        report = import_sample_page(
            system, FERRIES.with_changes(description=CONTACT.replace("Jane Doe", "Joan Roe")), 3
        )
        assert dict(report.events) == {"SourceObserved": 1, "CommitmentRevised": 1}

    def test_a_reason_is_masked(self, system: System) -> None:
        import_sample_page(system, FERRIES, reason="requested by jane@gov.example")
        reasons = {
            each["reason"] for each in execute_query(system, "{ entries { nodes { reason } } }")["entries"]["nodes"]
        }
        assert reasons == {"requested by ████████████████"}

    def test_the_report_contains_none(self, system: System) -> None:
        page = FERRIES.text.replace("Policy Areas\n\nOpen Data", "Policy Areas\n\nOpen Data, jane@gov.example")
        report = import_sample_page(system, page.encode())
        assert [each.text for each in report.unrecognized] == ["████████████████"]
        assert "jane@" not in json.dumps(report.as_json())


class TestContent:
    def test_unknown_labels_and_values_are_listed_with_their_line(self, system: System) -> None:
        page = FERRIES.text.replace("Open Data\n", "Open Data, Kite Policy\n").replace(
            "Verifiable: Yes", "Verifiable: Perhaps"
        )
        report = import_sample_page(system, page.encode())
        found = {(each.kind, each.text): each.line for each in report.unrecognized}
        lines = page.splitlines()
        for (_, text), line in found.items():
            assert text in lines[line - 1]
        assert {text for _, text in found} == {"Kite Policy", "Perhaps"}

    def test_events_are_counted_by_kind_and_cause(self, system: System) -> None:
        assert import_sample_page(system, FERRIES).as_json()["events"]["CommitmentRegistered"] == {"REPORTED": 1}
        changed = import_sample_page(system, FERRIES.with_changes(status="Inactive"), 2)
        assert changed.as_json()["events"] == {
            "CommitmentRevised": {"SOURCE_CHANGED": 1},
            "SourceObserved": {"SOURCE_CHANGED": 1},
        }
        assert changed.causes == {"SOURCE_CHANGED": 2}


class TestCommand:
    def run_command(self, folder: Path, *arguments: str | Path) -> Result:
        return CliRunner().invoke(cli.app, [*map(str, arguments), "--database", f"sqlite:///{folder}/log.db"])

    def test_json_is_the_only_output(self, tmp_path: Path) -> None:
        files = write_pages(tmp_path, FERRIES.with_changes(description=CONTACT))
        result = self.run_command(
            tmp_path, "import", *files, tmp_path / "none.txt", "--json", "--observed", "2021-03-01"
        )
        document = json.loads(result.stdout)
        assert result.exit_code == 1
        assert [(each["file"], each["outcome"]) for each in document["files"]] == [
            (str(files[0]), "recorded"),
            (str(tmp_path / "none.txt"), "refused"),
        ]
        assert document["files"][1]["problem"] == "No such file or directory"
        assert document["totals"]["personalData"] == {"EMAIL": 1, "NAME": 1, "PHONE": 1}
        assert document["totals"]["outcomes"] == {"recorded": 1, "refused": 1}
        assert document["totals"]["events"] == document["files"][0]["events"]
        assert len(document["correlation"]) == 32
        assert "none.txt: No such file" in result.stderr

    def test_the_table_has_files_pages_and_remarks(self, tmp_path: Path) -> None:
        result = self.run_command(
            tmp_path, "import", *write_pages(tmp_path, FERRIES.with_changes(country="Denmark"), FERRIES)
        )
        assert result.exit_code == 0
        for text in ("0.txt", "UY0901 en", "2 files", "1 CommitmentRegistered REPORTED", "ogpgraph revert "):
            assert text in result.stdout
        assert f"{tmp_path}/0.txt:1: member-differs: the page names Denmark, UY0901 is of Uruguay" in result.stdout

    def test_a_dry_run_creates_no_database(self, tmp_path: Path) -> None:
        result = self.run_command(tmp_path, "import", *write_pages(tmp_path, FERRIES), "--dry-run")
        assert result.exit_code == 0
        assert "A dry run: nothing was recorded." in result.stdout
        assert [file.name for file in tmp_path.iterdir()] == ["0.txt"]

    def test_an_import_is_reverted_by_the_correlation_of_its_report(self, tmp_path: Path) -> None:
        result = self.run_command(tmp_path, "import", *write_pages(tmp_path, FERRIES), "--json")
        correlation = json.loads(result.stdout)["correlation"]
        reverted = self.run_command(tmp_path, "revert", correlation, "--reason", "wrong pages")
        assert reverted.exit_code == 0
        assert f"{correlation}: reverted by" in reverted.stdout
        again = self.run_command(tmp_path, "revert", correlation, "--reason", "wrong pages")
        assert again.stdout.strip() == f"{correlation}: nothing left to revert"


def test_the_document_of_an_import_without_files_is_complete() -> None:
    assert build_report_document([], correlation=None, dry_run=True, skipped={})["totals"]["files"] == 0
