"""Loads the story into a log, each scene at its own time: the log's clock says what the story says it was."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import count

import msgspec

from ogpgraph.application import Act, Session
from ogpgraph.demo.sights import Sight, sights_of
from ogpgraph.demo.story import Scene, Story, read_story
from ogpgraph.demo.telling import Telling
from ogpgraph.domain.errors import KeyReused
from ogpgraph.domain.event import Idempotency
from ogpgraph.settings import masked
from ogpgraph.system import System, open_system

Progress = Callable[[int, int], None]
NAMESPACE = uuid.UUID("7d9a2f7e-0f6b-5b0f-9a2c-6d1c9a3d5e10")
"""Ids of the demonstration are made under it, so that they are the same in every demonstration."""


_CHOOSE = "choose another file with --database"


class AnotherLog(LookupError):
    """The database holds something else than this demonstration, which must not be mixed with it."""


class Stage:
    """What a system of the demonstration takes as clock and as source of ids: both tell the scene that is on."""

    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._ids: Iterator[str] = iter(())

    def enter(self, scene: Scene) -> None:
        """Set the time of a scene, and begin its ids."""
        self._now = scene.at
        self._ids = (uuid.uuid5(NAMESPACE, f"{scene.key}/{n}").hex for n in count())

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
    stage, story = Stage(), read_story()
    with open_system(database_url, clock=stage.clock, new_id=stage.new_id) as system:
        if not _is_ours(system, story):
            raise AnotherLog(f"{masked(database_url)} holds another log: {_CHOOSE}")
        try:
            recorded = _play(system, stage, story, progress or (lambda _done, _all: None))
        except KeyReused as error:
            raise AnotherLog(f"{masked(database_url)} holds another version's demonstration: {_CHOOSE}") from error
        system.follower.catch_up()
    return recorded


def _play(system: System, stage: Stage, story: Story, progress: Progress) -> int:
    sights, recorded = sights_of(story), 0
    for done, scene in enumerate(story.scenes, start=1):
        stage.enter(scene)
        sight = sights.get(scene.key)
        receipt = system.register.record(_act(scene, story), partial(_tell, scene, sight))
        recorded += 0 if receipt.repeated else len(receipt.events)
        progress(done, len(story.scenes))
    return recorded


def _tell(scene: Scene, sight: Sight | None, session: Session) -> None:
    Telling(session, scene, sight).run()


def _act(scene: Scene, story: Story) -> Act:
    told = sha256(msgspec.json.encode(scene)).hexdigest()
    return Act(
        actor=scene.actor,
        role=story.cast[scene.actor],
        time=scene.at,
        reason=scene.because,
        idempotency=Idempotency(key=scene.key, request_hash=told),
    )


def _is_ours(system: System, story: Story) -> bool:
    """Tell whether a log begins with the first scene, or may still begin with it."""
    first = story.scenes[0]
    return not system.log.max_notification_id() or bool(system.log.of_command(f"{first.actor}/{first.key}"))
