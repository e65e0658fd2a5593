"""The scenario of the demonstration, read from `scenario/*.toml`: steps in chronological order, each by one actor.

A step has the same keys in the files and in its JSON. Every event of a demonstration's log contains the hash of the
JSON of its step, by which a step is recognized that is already recorded. So these keys must not change.
"""

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
    """What a step records about one member (FRA), action plan (FRA-2015), commitment (FR0009) or its milestone."""

    code: str = msgspec.field(name="of")
    action: StatementAction = msgspec.field(default="revise", name="does")
    milestone: str = ""
    origin: Origin | None = msgspec.field(default=None, name="from")
    facts: dict[str, Any] = {}


class ScenarioStep(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """What one actor records at one time.

    `observes` names a source that is observed in this step, `cites` one whose last observation is quoted. A step that
    observes a member's list of commitments has a statement for each commitment of the `listed_cycles`.
    """

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
        """The name of the source that the step is based on."""
        return self.observes or self.cites

    @property
    def key(self) -> str:
        """The idempotency key of the step: no actor has two steps at the same time."""
        return f"demo/{self.at:%Y-%m-%dT%H:%M}/{self.actor}"


class ScenarioSource(Struct, frozen=True, array_like=True):
    """A source: its type, its code or name, its language."""

    type: str
    code: str
    language: str


class Scenario(Struct, frozen=True):
    """All steps in chronological order, the roles of their actors, and the sources by name."""

    roles: dict[str, str]
    sources: dict[str, ScenarioSource]
    steps: tuple[ScenarioStep, ...]


class _ScenarioFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The file with the facts about France's commitments; `commitments` is cycle → code → (title, policy area)."""

    member: str
    starred: tuple[str, ...]
    roles: dict[str, str]
    sources: dict[str, ScenarioSource]
    commitments: dict[int, dict[str, tuple[str, str]]]

    def build_list_statements(self, cycles: tuple[int, ...], *, stars: bool) -> tuple[Statement, ...]:
        """Return the statements of the member's list of commitments, with stars if it shows them."""
        starred = self.starred if stars else ()
        return tuple(
            self._build_list_statement(cycle, code, title, policy_area, starred=code in starred)
            for cycle in cycles
            for code, (title, policy_area) in self.commitments[cycle].items()
        )

    def _build_list_statement(self, cycle: int, code: str, title: str, policy_area: str, *, starred: bool) -> Statement:
        star = {"ratings/STARRED/RESULTS": {"value": "YES", "said": "Starred commitment"}} if starred else {}
        parents = {"member": self.member, "actionPlan": f"{self.member}-{cycle}"}
        shown = {"title/en": title, "cycle": cycle, "policyAreas": [policy_area], **star}
        return Statement(code=code, origin=Origin.SIBLING_LIST, facts={**parents, **shown})


@cache
def load_scenario() -> Scenario:
    """Return the scenario; raises msgspec.ValidationError for a malformed file."""
    facts = msgspec.convert(_load_toml("france"), _ScenarioFacts, strict=False)
    tables = [table for part in ("plan-2015", "plan-2018") for table in _load_toml(part)["step"]]
    steps = [_add_list_statements(step, facts) for step in msgspec.convert(tables, list[ScenarioStep])]
    return Scenario(facts.roles, facts.sources, tuple(sorted(steps, key=lambda step: step.at)))


def _add_list_statements(step: ScenarioStep, facts: _ScenarioFacts) -> ScenarioStep:
    listed = facts.build_list_statements(step.listed_cycles, stars=step.shows_stars)
    return msgspec.structs.replace(step, statements=(*step.statements, *listed))


def _load_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((files("ogpgraph.demo") / "scenario" / f"{name}.toml").read_text("utf-8"))
