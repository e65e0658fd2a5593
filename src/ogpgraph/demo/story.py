"""The story as it is written down in `story/*.toml`: scenes in the order of time, each of one actor at one moment."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.text import Made

Deed = Literal["revise", "correct", "report", "complete", "withdraw", "link", "conclude"]


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one thing: a member (FRA), a plan (FRA-2015), a commitment (FR0009) or one of its milestones."""

    of: str
    does: Deed = "revise"
    milestone: str = ""
    origin: Origin | None = msgspec.field(default=None, name="from")
    facts: dict[str, Any] = {}


class Scene(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """What one actor records in one go; `sees` is a source observed in it, `cites` one observed before."""

    at: datetime
    actor: str
    because: str | None = None
    sees: str | None = None
    cites: str | None = None
    origin: Origin | None = msgspec.field(default=None, name="from")
    made: Made = Made.ORIGINAL
    cause: Cause | None = None
    effective_on: str | None = None
    lists: tuple[int, ...] = ()
    stars: bool = False
    says: tuple[Statement, ...] = ()

    @property
    def source(self) -> str | None:
        """Return the name of the source that the scene rests on."""
        return self.sees or self.cites

    @property
    def key(self) -> str:
        """Return the scene's idempotency key: nobody does two things at one moment."""
        return f"demo/{self.at:%Y-%m-%dT%H:%M}/{self.actor}"


class Source(Struct, frozen=True, array_like=True):
    """A source of the story: its sort, its code or name, its language."""

    type: str
    code: str
    language: str


class Story(Struct, frozen=True):
    """Everything that is told, and by whom."""

    cast: dict[str, str]
    sources: dict[str, Source]
    scenes: tuple[Scene, ...]


class _Facts(Struct, frozen=True, forbid_unknown_fields=True):
    member: str
    starred: tuple[str, ...]
    cast: dict[str, str]
    sources: dict[str, Source]
    commitments: dict[int, dict[str, tuple[str, str]]]

    def listing(self, cycles: tuple[int, ...], *, stars: bool) -> tuple[Statement, ...]:
        """Return what the member's list of commitments says of each, its stars where they are shown."""
        starred = self.starred if stars else ()
        return tuple(
            self._listed(cycle, code, title, area, starred=code in starred)
            for cycle in cycles
            for code, (title, area) in self.commitments[cycle].items()
        )

    def _listed(self, cycle: int, code: str, title: str, area: str, *, starred: bool) -> Statement:
        star = {"ratings/STARRED/RESULTS": {"value": "YES", "said": "Starred commitment"}} if starred else {}
        said = {"title/en": title, "cycle": cycle, "policyAreas": [area], **star}
        belongs = {"member": self.member, "actionPlan": f"{self.member}-{cycle}"}
        return Statement(of=code, origin=Origin.SIBLING_LIST, facts={**belongs, **said})


@cache
def read_story() -> Story:
    """Return the whole story; raises msgspec.ValidationError for a file that tells it wrongly."""
    facts = msgspec.convert(_toml("france"), _Facts, strict=False)
    told = [scene for part in ("plan-2015", "plan-2018") for scene in _toml(part)["scene"]]
    scenes = [_with_list(scene, facts) for scene in msgspec.convert(told, list[Scene])]
    return Story(facts.cast, facts.sources, tuple(sorted(scenes, key=lambda scene: scene.at)))


def _with_list(scene: Scene, facts: _Facts) -> Scene:
    listed = facts.listing(scene.lists, stars=scene.stars)
    return msgspec.structs.replace(scene, says=(*scene.says, *listed))


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((files("ogpgraph.demo") / "story" / f"{name}.toml").read_text("utf-8"))
