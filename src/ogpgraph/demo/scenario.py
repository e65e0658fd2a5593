"""The demonstration, written in `scenario/*.toml`: steps in the order of time, each of one actor at one moment."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.values import TranslationKind

StatementAction = Literal["revise", "correct", "report", "complete", "withdraw", "link", "conclude"]


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one thing: a member (FRA), a plan (FRA-2015), a commitment (FR0009) or one of its milestones."""

    code: str = msgspec.field(name="of")
    action: StatementAction = msgspec.field(default="revise", name="does")
    milestone: str = ""
    origin: Origin | None = msgspec.field(default=None, name="from")
    facts: dict[str, Any] = {}


class ScenarioStep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """What one actor records in one go; `sees` is a source observed in it, `cites` one observed before."""

    at: datetime
    actor: str
    reason: str | None = msgspec.field(default=None, name="because")
    observes: str | None = msgspec.field(default=None, name="sees")
    cites: str | None = None
    origin: Origin | None = msgspec.field(default=None, name="from")
    translation_kind: TranslationKind = msgspec.field(default=TranslationKind.ORIGINAL, name="made")
    cause: Cause | None = None
    effective_on: str | None = None
    listed_cycles: tuple[int, ...] = msgspec.field(default=(), name="lists")
    shows_stars: bool = msgspec.field(default=False, name="stars")
    statements: tuple[Statement, ...] = msgspec.field(default=(), name="says")

    @property
    def source(self) -> str | None:
        """Return the name of the source that the scene rests on."""
        return self.observes or self.cites

    @property
    def key(self) -> str:
        """Return the scene's idempotency key: nobody does two things at one moment."""
        return f"demo/{self.at:%Y-%m-%dT%H:%M}/{self.actor}"


class ScenarioSource(Struct, frozen=True, array_like=True):
    """A source of the story: its sort, its code or name, its language."""

    type: str
    code: str
    language: str


class Scenario(Struct, frozen=True):
    """Everything that is told, and by whom."""

    roles: dict[str, str]
    sources: dict[str, ScenarioSource]
    steps: tuple[ScenarioStep, ...]


class _ScenarioFacts(Struct, frozen=True, forbid_unknown_fields=True):
    member: str
    starred: tuple[str, ...]
    roles: dict[str, str] = msgspec.field(name="cast")
    sources: dict[str, ScenarioSource]
    commitments: dict[int, dict[str, tuple[str, str]]]

    def build_list_statements(self, cycles: tuple[int, ...], *, stars: bool) -> tuple[Statement, ...]:
        """Return what the member's list of commitments says of each, its stars where they are shown."""
        starred = self.starred if stars else ()
        return tuple(
            self._build_list_statement(cycle, code, title, area, starred=code in starred)
            for cycle in cycles
            for code, (title, area) in self.commitments[cycle].items()
        )

    def _build_list_statement(self, cycle: int, code: str, title: str, area: str, *, starred: bool) -> Statement:
        star = {"ratings/STARRED/RESULTS": {"value": "YES", "said": "Starred commitment"}} if starred else {}
        said = {"title/en": title, "cycle": cycle, "policyAreas": [area], **star}
        belongs = {"member": self.member, "actionPlan": f"{self.member}-{cycle}"}
        return Statement(code=code, origin=Origin.SIBLING_LIST, facts={**belongs, **said})


@cache
def load_scenario() -> Scenario:
    """Return the whole story; raises msgspec.ValidationError for a file that tells it wrongly."""
    facts = msgspec.convert(_load_toml("france"), _ScenarioFacts, strict=False)
    told = [scene for part in ("plan-2015", "plan-2018") for scene in _load_toml(part)["scene"]]
    scenes = [_add_list_statements(scene, facts) for scene in msgspec.convert(told, list[ScenarioStep])]
    return Scenario(facts.roles, facts.sources, tuple(sorted(scenes, key=lambda scene: scene.at)))


def _add_list_statements(scene: ScenarioStep, facts: _ScenarioFacts) -> ScenarioStep:
    listed = facts.build_list_statements(scene.listed_cycles, stars=scene.shows_stars)
    return msgspec.structs.replace(scene, statements=(*scene.statements, *listed))


def _load_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((files("ogpgraph.demo") / "scenario" / f"{name}.toml").read_text("utf-8"))
