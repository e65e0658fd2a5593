"""Loads the demonstration into a log, each step at its own time, and loads its example queries.

A step is recorded under its idempotency key. So an interrupted load can be continued, and a complete one is not
repeated.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from ogpgraph.demo.observations import SourceObservation, build_observations
from ogpgraph.demo.scenario import Scenario, ScenarioStep, load_scenario
from ogpgraph.demo.step_recorder import StepRecorder
from ogpgraph.domain.errors import KeyReused
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.settings import mask_password
from ogpgraph.storage.database import ProgressCallback, TablesMissing
from ogpgraph.system import System, database_exists, open_system

NAMESPACE = uuid.UUID("7d9a2f7e-0f6b-5b0f-9a2c-6d1c9a3d5e10")
"""The namespace of the ids, which are the same in every demonstration."""
EXAMPLE_QUERIES = ("now-and-then", "two-times", "plans", "corrections")
_REMEDY = "choose another with --database"


class AnotherLog(LookupError):
    """The database contains something other than this demonstration, with which it must not be mixed."""


class ScenarioClock:
    """The clock and the source of ids of a system into which the scenario is loaded; both depend on the step only."""

    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._ids: Iterator[str] = iter(())

    def enter(self, step: ScenarioStep) -> None:
        """Set the time to that of a step, and begin its ids."""
        self._now = step.at
        self._ids = (uuid.uuid5(NAMESPACE, f"{step.key}/{n}").hex for n in count())

    def clock(self) -> datetime:
        """Return the time of the current step."""
        return self._now

    def new_id(self) -> str:
        """Return the next id of the current step."""
        return next(self._ids)


def require_no_other_log(database_url: str) -> None:
    """Raise AnotherLog if a database contains something other than the demonstration; changes nothing in it."""
    if not database_exists(database_url):
        return
    try:
        with open_system(database_url) as system:
            if not _is_demo_log(system, load_scenario()):
                raise AnotherLog(f"{mask_password(database_url)} contains another log: {_REMEDY}")
    except TablesMissing:
        return  # it is still to be created


def load_demo(database_url: str, progress: ProgressCallback | None = None) -> int:
    """Load the demonstration into a migrated database, as far as it is not there; returns the number of new events.

    Raises:
        AnotherLog: if the log contains something else, or the demonstration of another version.
    """
    clock, scenario = ScenarioClock(), load_scenario()
    with open_system(database_url, clock=clock.clock, new_id=clock.new_id) as system:
        if not _is_demo_log(system, scenario):
            raise AnotherLog(f"{mask_password(database_url)} contains another log: {_REMEDY}")
        try:
            recorded = _record_steps(system, clock, scenario, progress or (lambda _done, _total: None))
        except KeyReused as error:
            raise AnotherLog(
                f"{mask_password(database_url)} contains the demonstration of another version: {_REMEDY}"
            ) from error
        system.projection.catch_up()
    return recorded


def _is_demo_log(system: System, scenario: Scenario) -> bool:
    """Return whether a log is empty or contains the first step."""
    first = scenario.steps[0]
    return not system.log.max_notification_id() or bool(system.log.read_command(f"{first.actor}/{first.key}"))


def _record_steps(system: System, clock: ScenarioClock, scenario: Scenario, progress: ProgressCallback) -> int:
    observations, recorded = build_observations(scenario), 0
    for done, step in enumerate(scenario.steps, start=1):
        clock.enter(step)
        commands = partial(_record_step, step, observations.get(step.key))
        receipt = system.executor.execute(_command_context(step, scenario), commands)
        recorded += 0 if receipt.repeated else len(receipt.events)
        progress(done, len(scenario.steps))
    return recorded


def _record_step(step: ScenarioStep, observation: SourceObservation | None, uow: UnitOfWork) -> None:
    StepRecorder(uow, step, observation).run()


def _command_context(step: ScenarioStep, scenario: Scenario) -> CommandContext:
    request_hash = sha256(msgspec.json.encode(step)).hexdigest()
    return CommandContext(
        actor=step.actor,
        role=scenario.roles[step.actor],
        time=step.at,
        reason=step.reason,
        idempotency=Idempotency(key=step.key, request_hash=request_hash),
    )


# Example queries


class ExampleQuery(Struct, frozen=True):
    """A query of `schema/documents`; the title is the comment with which its file begins."""

    title: str
    query: str


def load_example_queries() -> list[ExampleQuery]:
    """Return the queries that the demonstration shows, in order."""
    folder = _query_folder()
    return [parse_example_query((folder / f"{name}.graphql").read_text("utf-8")) for name in EXAMPLE_QUERIES]


def parse_example_query(text: str) -> ExampleQuery:
    """Return the query in the text of a file."""
    title, _, query = text.partition("\n")
    return ExampleQuery(title.removeprefix("#").strip(), query.strip())


def _query_folder() -> Traversable:
    """Return the folder of the queries in the installed package, or else in the checkout."""
    packaged = files("ogpgraph.demo") / "documents"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schema" / "documents"
