"""The texts of the scenario's sources: composed of the values that steps read in them, so every value can be quoted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct

from ogpgraph.demo.scenario import Scenario, ScenarioSource, ScenarioStep, Statement
from ogpgraph.domain.source import content_hash, source_id

READER = "demo 1"
UNQUOTED_PATHS = ("member", "actionPlan")
"""What a source shows by its structure, not in its text."""
Spans = dict[str, tuple[int, int]]


class SourceObservation(Struct, frozen=True):
    """The text of a source at one time.

    `spans` has the passage of each value: (step key, index of the statement) → path → (start, end). `seen_before_at` is
    the time of the observation before, None for the first.
    """

    source: ScenarioSource
    seen_at: datetime
    seen_before_at: datetime | None
    text: str
    spans: dict[tuple[str, int], Spans]

    @property
    def id(self) -> str:
        """The id of the source."""
        return source_id(self.source.type, self.source.code, self.source.language)

    @property
    def content_hash(self) -> str:
        """The hash of the text's bytes."""
        return content_hash(self.text.encode())


def build_observations(scenario: Scenario) -> dict[str, SourceObservation]:
    """Return step key → the observation that the step makes or cites."""
    observations: dict[str, SourceObservation] = {}
    for name, source in scenario.sources.items():
        steps = [step for step in scenario.steps if step.source == name]
        last_seen_at = None
        for group in _group_by_observation(steps):
            text, spans = _compose_text(source, group)
            observation = SourceObservation(source, group[0].at, last_seen_at, text, spans)
            observations |= {step.key: observation for step in group}
            last_seen_at = observation.seen_at
    return observations


def quote_value(value: Any) -> str | None:
    """Return the text of a value in its source; None for a rating that the source does not state in words."""
    match value:
        case {"said": str(text)}:
            return text
        case dict():
            return None
        case list():
            return ", ".join(str(each) for each in value)
        case _:
            return str(value)


def _group_by_observation(steps: list[ScenarioStep]) -> Iterator[list[ScenarioStep]]:
    """Yield each step that observes a source, with the steps after it that cite this observation."""
    starts = [index for index, step in enumerate(steps) if step.observes]
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        yield steps[start:end]


def _compose_text(source: ScenarioSource, steps: list[ScenarioStep]) -> tuple[str, dict[tuple[str, int], Spans]]:
    text, spans = f"{source.code}\n", {}
    for step in steps:
        for index, statement in enumerate(step.statements):
            text += f"\n{statement.code}\n"
            spans[step.key, index] = passages = Spans()
            for path, quote in _quoted_facts(statement):
                label = _label(path)
                start = len(text) + len(label)
                passages[path] = (start, start + len(quote))
                text += f"{label}{quote}\n"
    return text, spans


def _quoted_facts(statement: Statement) -> Iterator[tuple[str, str]]:
    for path, value in statement.facts.items():
        quote = quote_value(value)
        if quote and path not in UNQUOTED_PATHS:
            yield path, quote


def _label(path: str) -> str:
    """Return the label before a short value; descriptions and narratives have none."""
    steps = [step for step in path.split("/") if len(step) > 2 or step[0].isdigit()]
    return "" if steps[0] in ("description", "narratives") else " ".join(steps) + ": "
