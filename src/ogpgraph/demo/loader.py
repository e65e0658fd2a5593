"""Loads the story into a log, each scene at its own time: the log's clock says what the story says it was."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import count

import msgspec

from ogpgraph.demo.observations import SourceObservation, build_observations
from ogpgraph.demo.scenario import Scenario, ScenarioStep, load_scenario
from ogpgraph.demo.step_recorder import StepRecorder
from ogpgraph.domain.errors import KeyReused
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.settings import mask_password
from ogpgraph.system import System, open_system

Progress = Callable[[int, int], None]
NAMESPACE = uuid.UUID("7d9a2f7e-0f6b-5b0f-9a2c-6d1c9a3d5e10")
"""Ids of the demonstration are made under it, so that they are the same in every demonstration."""


_CHOOSE_ANOTHER_FILE = "choose another file with --database"


class AnotherLog(LookupError):
    """The database holds something else than this demonstration, which must not be mixed with it."""


class ScenarioClock:
    """What a system of the demonstration takes as clock and as source of ids: both tell the scene that is on."""

    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._ids: Iterator[str] = iter(())

    def enter(self, step: ScenarioStep) -> None:
        """Set the time of a scene, and begin its ids."""
        self._now = step.at
        self._ids = (uuid.uuid5(NAMESPACE, f"{step.key}/{n}").hex for n in count())

    def clock(self) -> datetime:
        """Return the time of the scene."""
        return self._now

    def new_id(self) -> str:
        """Return the scene's next id."""
        return next(self._ids)


def load_demo(database_url: str, progress: Progress | None = None) -> int:
    """Load the demonstration into a migrated database; returns how many events were recorded, 0 where it is there.

    Raises AnotherLog where the log holds something else, or the demonstration of another version.
    """
    clock, scenario = ScenarioClock(), load_scenario()
    with open_system(database_url, clock=clock.clock, new_id=clock.new_id) as system:
        if not _is_demo_log(system, scenario):
            raise AnotherLog(f"{mask_password(database_url)} holds another log: {_CHOOSE_ANOTHER_FILE}")
        try:
            recorded = _record_steps(system, clock, scenario, progress or (lambda _done, _all: None))
        except KeyReused as error:
            raise AnotherLog(
                f"{mask_password(database_url)} holds another version's demonstration: {_CHOOSE_ANOTHER_FILE}"
            ) from error
        system.projection.catch_up()
    return recorded


def _record_steps(system: System, clock: ScenarioClock, scenario: Scenario, progress: Progress) -> int:
    observations, recorded = build_observations(scenario), 0
    for done, step in enumerate(scenario.steps, start=1):
        clock.enter(step)
        observation = observations.get(step.key)
        receipt = system.executor.execute(_act(step, scenario), partial(_record_step, step, observation))
        recorded += 0 if receipt.repeated else len(receipt.events)
        progress(done, len(scenario.steps))
    return recorded


def _record_step(step: ScenarioStep, observation: SourceObservation | None, uow: UnitOfWork) -> None:
    StepRecorder(uow, step, observation).run()


def _act(step: ScenarioStep, scenario: Scenario) -> CommandContext:
    told = sha256(msgspec.json.encode(step)).hexdigest()
    return CommandContext(
        actor=step.actor,
        role=scenario.roles[step.actor],
        time=step.at,
        reason=step.reason,
        idempotency=Idempotency(key=step.key, request_hash=told),
    )


def _is_demo_log(system: System, scenario: Scenario) -> bool:
    """Tell whether a log begins with the first scene, or may still begin with it."""
    first = scenario.steps[0]
    return not system.log.max_notification_id() or bool(system.log.read_command(f"{first.actor}/{first.key}"))
