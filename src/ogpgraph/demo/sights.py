"""The sources of the story: each sight's text is made of what the scenes say that it says, so every word can be quoted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct

from ogpgraph.demo.story import Scene, Source, Statement, Story
from ogpgraph.domain.source import content_hash, source_id

READER = "demo 1"
Spans = dict[tuple[str, str, str], tuple[int, int]]


class Sight(Struct, frozen=True):
    """A source as it was at one time, with the place of the words of each fact: (scene, thing, path) → span."""

    source: Source
    seen_at: datetime
    seen_before_at: datetime | None
    text: str
    spans: Spans

    @property
    def id(self) -> str:
        """Return the id of the source's stream."""
        return source_id(self.source.type, self.source.code, self.source.language)

    @property
    def content_hash(self) -> str:
        """Return the hash of the bytes seen."""
        return content_hash(self.text.encode())

    def spans_of(self, scene: Scene, statement: Statement) -> dict[str, tuple[int, int]]:
        """Return path → span of what a scene says of one thing."""
        return {
            path: span
            for (key, of, path), span in self.spans.items()
            if (key, of) == (scene.key, _speaker(statement)) and path in statement.facts
        }


def sights_of(story: Story) -> dict[str, Sight]:
    """Return the sight that each scene rests on, by the scene's key."""
    found: dict[str, Sight] = {}
    for name, source in story.sources.items():
        scenes = [scene for scene in story.scenes if scene.source == name]
        last_seen_at = None
        for group in _by_sight(scenes):
            text, spans = _composed(source, group)
            sight = Sight(source, group[0].at, last_seen_at, text, spans)
            found |= {scene.key: sight for scene in group}
            last_seen_at = sight.seen_at
    return found


def words_of(value: Any) -> str | None:
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


def _by_sight(scenes: list[Scene]) -> Iterator[list[Scene]]:
    starts = [place for place, scene in enumerate(scenes) if scene.sees]
    for start, end in zip(starts, [*starts[1:], len(scenes)], strict=True):
        yield scenes[start:end]


def _composed(source: Source, scenes: list[Scene]) -> tuple[str, Spans]:
    text, spans = f"{source.code}\n", Spans()
    for scene in scenes:
        for statement in scene.says:
            text += f"\n{statement.of}\n"
            for path, value in statement.facts.items():
                words = words_of(value)
                if words:
                    text += _label(path)
                    spans[scene.key, _speaker(statement), path] = (len(text), len(text) + len(words))
                    text += f"{words}\n"
    return text, spans


def _speaker(statement: Statement) -> str:
    return f"{statement.of} {statement.origin or ''}"


def _label(path: str) -> str:
    """Return what stands before a short value; texts and findings stand alone."""
    steps = [step for step in path.split("/") if len(step) > 2 or step[0].isdigit()]
    return "" if steps[0] in ("description", "narratives") else " ".join(steps) + ": "
