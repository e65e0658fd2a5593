"""The JSON Schema of stored events: it describes exactly what is stored, and changes only in compatible ways."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given

from ogpgraph.cli.maintenance import write_events_schema
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, events_schema
from ogpgraph.domain.event import VERSION, Event, encode_payload
from ogpgraph.domain.schema_compatibility import find_incompatibilities
from tests.domain.events import event, text_value
from tests.domain.json_schema import find_violations
from tests.domain.test_stored_events import LINES, Line
from tests.domain.values import ALL_EVENT_TYPES, events

FILE = Path(__file__).parents[2] / "schema" / "events.json"
NOW = events_schema()


def problems_of(topic: str, payload: Any, schema: dict[str, Any] = NOW) -> list[str]:
    return list(find_violations(schema["events"][topic], payload, schema))


@given(events)
def test_encoded_events_match_the_schema(encoded: Event) -> None:
    assert problems_of(f"{encoded.name}.{VERSION}", json.loads(encode_payload(encoded))) == []


@pytest.mark.parametrize("line", LINES, ids=[line["topic"] for line in LINES])
def test_stored_events_match_the_published_schema(line: Line) -> None:
    assert problems_of(line["topic"], json.loads(line["payload"]), json.loads(FILE.read_text())) == []


@pytest.mark.parametrize(
    ("old", "new", "is_compatible"),
    [
        ("^[A-Z]{2,4}[0-9]{4}$", "^[A-Z]{2,6}[0-9]{4}$", True),
        ("^[A-Z]{2,6}[0-9]{4}$", "^[A-Z]{2,4}[0-9]{4}$", False),
        ("^[A-Z]{2,4}[0-9]{4}$", "^[A-Z]{2,6}[0-9]{5}$", False),
        ("^[A-Z]{2,4}$", "^[a-z]{2,4}$", False),
    ],
)
def test_a_pattern_may_permit_more_repetitions_and_nothing_else(old: str, new: str, *, is_compatible: bool) -> None:
    def schema(pattern: str) -> dict[str, Any]:
        return {"events": {"A.1": {"type": "string", "pattern": pattern}}, "$defs": {}}

    assert (find_incompatibilities(schema(old), schema(new)) == []) is is_compatible


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda p: p["facts"].update(budget=1), "budget is not known"),
        (lambda p: p["facts"].update(code="fr1"), "'fr1' matches no option"),
        (lambda p: p["facts"].update(status="DONE"), "'DONE' matches no option"),
        (lambda p: p["facts"].update({"title/en": "words"}), "'words' matches no option"),
        (lambda p: p["envelope"].update(mood="glad"), "mood is not known"),
        (lambda p: p["envelope"].pop("actor"), "actor is missing"),
        (lambda p: p["envelope"].update(time="2026-01-01T00:00:00"), "has no offset"),
        (lambda p: p.update(more=1), "more is not known"),
    ],
    ids=lambda given: "" if callable(given) else given,
)
def test_other_payloads_do_not_match_the_schema(change: Callable[[Any], object], problem: str) -> None:
    payload = json.loads(encode_payload(event(1, {"status": "ACTIVE", "title/en": text_value("a")})))
    assert problems_of("CommitmentRevised.1", payload) == []
    change(payload)
    assert problem in " ".join(problems_of("CommitmentRevised.1", payload))


def test_the_published_schema_is_compatible() -> None:
    assert find_incompatibilities(json.loads(FILE.read_text()), NOW) == [], "old logs hold such events: bring it back"


def test_the_published_schema_is_up_to_date() -> None:
    assert FILE.read_text() == json.dumps(NOW, indent=2, ensure_ascii=False) + "\n", "run `ogpgraph schema --write`"


def test_every_event_and_path_is_documented() -> None:
    assert set(NOW["events"]) == {f"{event_type.name}.{VERSION}" for _, event_type in ALL_EVENT_TYPES}
    assert all(each["description"].endswith(".") for each in NOW["events"].values())
    for aggregate_type in AGGREGATE_TYPES.values():
        paths = NOW["$defs"][f"{aggregate_type.name.capitalize()}Facts"]["patternProperties"].values()
        assert [path["title"] for path in paths] == [path.pattern for path in aggregate_type.fields]
        assert all(path["description"].endswith(".") for path in paths)


# Compatibility


def changed(change: Callable[[Any], object]) -> list[str]:
    new = deepcopy(NOW)
    change(new)
    return find_incompatibilities(NOW, new)


def path_in(schema: Any, topic: str, title: str) -> tuple[str, Any]:
    paths = schema["events"][topic]["properties"]["facts"]["patternProperties"]
    return next((regex, each) for regex, each in paths.items() if each["title"] == title)


def without_path(schema: Any) -> None:
    regex, _ = path_in(schema, "ActionPlanConcluded.1", "endsOn")
    del schema["events"]["ActionPlanConcluded.1"]["properties"]["facts"]["patternProperties"][regex]


def renamed(old: str, new: str) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        paths = schema["events"]["RatingRecorded.1"]["properties"]["facts"]["patternProperties"]
        regex, each = path_in(schema, "RatingRecorded.1", "ratings/{indicator}/{stage}")
        del paths[regex]
        paths[regex.replace(old, new)] = each

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s["events"].pop("MilestoneAdded.1"), ["MilestoneAdded.1 is gone"]),
        (lambda s: s["$defs"].pop("Rating"), ["Rating is gone"]),
        (without_path, ["ActionPlanConcluded.1 facts endsOn is gone"]),
        (lambda s: s["$defs"]["Rating"]["properties"].pop("statedAs"), ["Rating statedAs is gone"]),
        (lambda s: s["$defs"]["Rating"]["required"].append("value"), ["Rating requires value now"]),
        (lambda s: s["$defs"]["RatingState"]["enum"].remove("PENDING"), ["RatingState PENDING is gone"]),
        (
            lambda s: s["$defs"]["TextValue"]["properties"]["text"].update(pattern="^x$"),
            ["TextValue text has pattern ^x$ now"],
        ),
        (
            lambda s: s["$defs"]["TextValue"]["properties"]["text"].update(type="integer"),
            ["TextValue text was string, and is integer"],
        ),
        (renamed("DESIGN", "PLANNING"), None),
    ],
    ids=lambda given: "-".join(given or ["a word in a path"]) if not callable(given) else "",
)
def test_incompatible_changes_are_named(change: Callable[[Any], object], problem: list[str] | None) -> None:
    found = changed(change)
    assert found == problem if problem else "RatingRecorded.1 facts ratings/{indicator}/{stage} was" in found[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["events"].update({"CommitmentPraised.1": {}}),
        lambda s: s["$defs"].update({"Praise": {}}),
        lambda s: s["$defs"]["RatingState"]["enum"].append("DISPUTED"),
        lambda s: s["$defs"]["Rating"]["properties"].update(confidence={"type": "integer"}),
        lambda s: s["$defs"]["Rating"].update(description="Another way to say it."),
        renamed("(DESIGN|", "(DESIGN|FIRST_YEAR|"),
    ],
    ids=["event", "form", "word", "optional field", "description", "word in a path"],
)
def test_additions_are_compatible(change: Callable[[Any], object]) -> None:
    assert changed(change) == []


def test_an_incompatible_schema_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.json"
    write_events_schema(file)
    assert file.read_text() == FILE.read_text()
    older = deepcopy(NOW)
    older["events"]["CommitmentPraised.1"] = older["events"]["CommitmentRevised.1"]
    file.write_text(written := json.dumps(older))
    with pytest.raises(typer.Exit):
        write_events_schema(file)
    assert file.read_text() == written
    assert "CommitmentPraised.1 is gone" in capsys.readouterr().err
