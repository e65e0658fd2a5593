"""The sources of the story: a sight's text is made of what the scenes read in it, so all of it can be quoted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct

from ogpgraph.demo.scenario import Scenario, ScenarioSource, ScenarioStep, Statement
from ogpgraph.domain.source import content_hash, source_id

READER = "demo 1"
Spans = dict[str, tuple[int, int]]


class SourceObservation(Struct, frozen=True):
    """A source as it was at one time, with the place of the words of each fact: (scene, statement) → path → span."""

    source: ScenarioSource
    seen_at: datetime
    seen_before_at: datetime | None
    text: str
    spans: dict[tuple[str, int], Spans]

    @property
    def id(self) -> str:
        """Return the id of the source's stream."""
        return source_id(self.source.type, self.source.code, self.source.language)

    @property
    def content_hash(self) -> str:
        """Return the hash of the bytes seen."""
        return content_hash(self.text.encode())


def build_observations(scenario: Scenario) -> dict[str, SourceObservation]:
    """Return the sight that each scene rests on, by the scene's key."""
    found: dict[str, SourceObservation] = {}
    for name, source in scenario.sources.items():
        steps = [step for step in scenario.steps if step.source == name]
        last_seen_at = None
        for group in _group_by_observation(steps):
            text, spans = _compose_text(source, group)
            observation = SourceObservation(source, group[0].at, last_seen_at, text, spans)
            found |= {step.key: observation for step in group}
            last_seen_at = observation.seen_at
    return found


def quote_value(value: Any) -> str | None:
    """Return the words in which a source states a value; None where it is not in words."""
    match value:
        case {"said": str(said)}:
            return said
        case dict():
            return None
        case list():
            return ", ".join(str(each) for each in value)
        case _:
            return str(value)


def _group_by_observation(steps: list[ScenarioStep]) -> Iterator[list[ScenarioStep]]:
    starts = [place for place, step in enumerate(steps) if step.observes]
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        yield steps[start:end]


def _compose_text(source: ScenarioSource, steps: list[ScenarioStep]) -> tuple[str, dict[tuple[str, int], Spans]]:
    text, spans = f"{source.code}\n", {}
    for step in steps:
        for place, statement in enumerate(step.statements):
            text += f"\n{statement.code}\n"
            spans[step.key, place] = said = Spans()
            for path, words in _quoted_facts(statement):
                start = len(text) + len(_label(path))
                said[path] = (start, start + len(words))
                text += f"{_label(path)}{words}\n"
    return text, spans


def _quoted_facts(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield path and words of what a source says in words: not what belongs to what, which it shows by its order."""
    for path, value in statement.facts.items():
        words = quote_value(value)
        if words and path not in ("member", "actionPlan"):
            yield path, words


def _label(path: str) -> str:
    """Return what stands before a short value; texts and findings stand alone."""
    steps = [step for step in path.split("/") if len(step) > 2 or step[0].isdigit()]
    return "" if steps[0] in ("description", "narratives") else " ".join(steps) + ": "
