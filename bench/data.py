"""Databases for the benchmarks: one of the size of OGP's record, with random texts, and a log of any number of events.

The large database is created through commands, which takes minutes, and then kept in `bench/.data`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from ogpgraph.cli.progress import create_progress, track_task
from ogpgraph.domain import action_plan as action_plan_commands
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, RatingState, RatingValue, Stage
from ogpgraph.storage.log_identity import LOG_FORMAT
from ogpgraph.system import System, migrate, open_system

FOLDER = Path(__file__).parent / ".data"
MEMBERS, PLANS_PER_MEMBER, COMMITMENTS = 110, 7, 6_000
REGIONS = ("Africa and the Middle East", "Americas", "Asia and the Pacific", "Europe")
AREAS = ("Anti-Corruption", "Budgets", "Education", "Health", "Justice", "Land", "Open Data", "Public Procurement")
_WORDS = """
agency annual archive audit basin bridge budget bureau canal census charter citizen council data district draft
forum gauge guide harbour hearing index land ledger library map meeting ministry mountain network notice office
open panel park people plan portal public record region register report review river road rule school service
survey table team town training valley village vote water window work yearly
"""
WORDS = _WORDS.split()
BODY_CHARACTERS = 5_000


def database(members: int = MEMBERS, commitments: int = COMMITMENTS, folder: Path = FOLDER) -> str:
    """Return the URL of the large database, which is created if it does not exist with a log of this format."""
    file = folder / f"record-{members}-{commitments}-format-{LOG_FORMAT}.db"
    url = f"sqlite:///{file}"
    if file.exists():
        migrate(url)  # replaces rows of another version
    else:
        folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".part")
        for leftover in folder.glob(partial.name + "*"):
            leftover.unlink()
        _create_database(f"sqlite:///{partial}", members, commitments)
        partial.rename(file)
    return url


def _create_database(url: str, members: int, commitments: int) -> None:
    clock, new_id = _Clock(), _sequential_ids()
    migrate(url, clock=clock, new_id=new_id)
    began = time.perf_counter()
    with open_system(url, clock=clock, new_id=new_id) as system:
        plans = [(member, cycle) for member in range(members) for cycle in range(2011, 2011 + 2 * PLANS_PER_MEMBER, 2)]
        plans = plans[: max(1, members * 70 // 11)]
        with create_progress("plans") as progress:
            track = track_task(progress, "recording")
            for done, (member, cycle) in enumerate(plans):
                numbers = range(done, commitments, len(plans))
                _run_commands(system, clock, _plan_commands(member, cycle, list(numbers)))
                track(done + 1, len(plans))
        recorded = time.perf_counter()
        with create_progress("events") as progress:
            system.projection.catch_up(track_task(progress, "projecting"))
        with system.read_session() as session:
            head = session.head
    print(
        f"{head} entries: {recorded - began:.0f} s to record, {time.perf_counter() - recorded:.0f} s to project",
        file=sys.stderr,
    )


def _run_commands(system: System, clock: _Clock, commands: Callable[[UnitOfWork], None]) -> None:
    command_context = CommandContext(
        actor="bench", role="publisher", time=clock(), reason="A measurement.", correlation="bench"
    )
    system.executor.execute(command_context, commands)


def _plan_commands(member: int, cycle: int, numbers: list[int]) -> Callable[[UnitOfWork], None]:
    """Return the commands that record a plan with its commitments, and with the first plan the member."""

    def commands(uow: UnitOfWork) -> None:
        random_source = random.Random(f"{member}/{cycle}")
        code, prefix = member_code(member)
        stream = uow.resolve_code("member", code)
        if stream is None:
            facts: Facts = {"prefix": prefix, "region": REGIONS[member % 4], "type": "NATIONAL", "status": "ACTIVE"}
            name = {"name/en": uow.text_value(f"Land of {code.title()}")}
            stream = member_commands.register_member(uow, code, {**facts, **name}).id
        title = uow.text_value(f"{code.title()} Action Plan {cycle}-{cycle + 2}")
        plan = action_plan_commands.register_action_plan(
            uow,
            f"{code}/{cycle}",
            {"member": stream, "cycle": cycle, "title/en": title, "status": "CONCLUDED" if cycle < 2021 else "ACTIVE"},
        )
        for number in numbers:
            facts = {
                "member": stream,
                "actionPlan": plan.id,
                "cycle": cycle,
                **_commitment_facts(uow, random_source, number),
            }
            commitment_commands.register_commitment(uow, f"{prefix}{number % 10_000:04}", facts)

    return commands


def _commitment_facts(uow: UnitOfWork, random_source: random.Random, number: int) -> Facts:
    facts: Facts = {
        "number": str(number % 20 + 1),
        "status": "ACTIVE",
        "title/en": uow.text_value(random_text(random_source, 60)),
        "description/en": uow.text_value(random_text(random_source, BODY_CHARACTERS * 3 // 5)),
        "commitmentText/en": uow.text_value(random_text(random_source, BODY_CHARACTERS * 2 // 5)),
        "policyAreas": tuple(sorted(random_source.sample(AREAS, random_source.randint(1, 3)))),
    }
    for index in range(1, random_source.randint(3, 9) + 1):
        milestone = f"milestones/{number % 20 + 1}.{index}"
        facts |= {
            f"{milestone}/title/en": uow.text_value(random_text(random_source, 80)),
            f"{milestone}/status": random_source.choice(("NOT_STARTED", "LIMITED", "SUBSTANTIAL", "COMPLETE")),
            f"{milestone}/endsOn": f"{random_source.randint(2012, 2025)}-{random_source.randint(1, 12):02}",
        }
    for indicator, stage in RATED:
        if random_source.random() < 0.8:
            value = random_source.choice(sorted(VALUES_OF[indicator]))
            rating = Rating(RatingState.RATED, value, uow.text_ref(value.title()), None)
            facts[f"ratings/{indicator}/{stage}"] = rating
    return facts


RATED = [
    (Indicator.VERIFIABLE, Stage.DESIGN),
    (Indicator.RELEVANCE, Stage.DESIGN),
    (Indicator.SPECIFICITY, Stage.DESIGN),
    (Indicator.POTENTIAL_IMPACT, Stage.DESIGN),
    (Indicator.COMPLETION, Stage.MIDTERM),
    (Indicator.COMPLETION, Stage.END_OF_TERM),
    (Indicator.DID_IT_OPEN_GOVERNMENT, Stage.END_OF_TERM),
    (Indicator.STARRED, Stage.DESIGN),
]


def random_text(random_source: random.Random, characters: int) -> str:
    words = random_source.choices(WORDS, k=max(2, characters // 6))
    return " ".join(words)[:characters].strip().capitalize()


def member_code(member: int) -> tuple[str, str]:
    """Return the code of a member, and the letters that its commitments' codes begin with."""
    hundreds, rest = divmod(member, 26 * 26)
    letters = chr(ord("A") + rest // 26) + chr(ord("A") + rest % 26) + (chr(ord("A") + hundreds) if hundreds else "")
    return letters + "X", letters


class _Clock:
    def __init__(self) -> None:
        self._now = datetime(2025, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


def _sequential_ids() -> Callable[[], str]:
    numbers: Iterator[int] = count(1)
    return lambda: f"{next(numbers):08x}"


COMMITMENTS_PER_COMMAND = 50
EVENTS_PER_COMMITMENT = 7
START = datetime(2020, 1, 1, tzinfo=UTC)


def command_context(number: int = 0) -> CommandContext:
    """Return the context of a command, some seconds after the start."""
    return CommandContext(actor="bench", role="publisher", time=START + timedelta(seconds=number))


def build_facts(uow: UnitOfWork, number: int) -> Facts:
    """Return the facts of a commitment as of a page of average length."""
    facts: Facts = {
        "title/en": uow.text_value(f"Open data for service number {number}"),
        "number": str(number),
        "cycle": 2018 + number % 6,
        "status": "ACTIVE" if number % 3 else "INACTIVE",
        "policyAreas": ("Open Data", "Public Participation"),
    }
    facts["description/en"] = uow.text_value(f"The ministry will publish register {number}. " * 8)
    for milestone in range(1, 4):
        facts[f"milestones/{milestone}/title/en"] = uow.text_value(f"Step {milestone} of {number}")
    return facts


def register_commitment(uow: UnitOfWork, number: int) -> str:
    """Register one commitment; returns its id."""
    return commitment_commands.register_commitment(
        uow, f"FR{number:04}" if number < 10_000 else f"KE{number - 10_000:04}", build_facts(uow, number)
    ).id


def append_events(system: System, events: int) -> int:
    """Append about as many events; returns the number of all events of the log."""
    commitments = max(COMMITMENTS_PER_COMMAND, events // EVENTS_PER_COMMITMENT)
    for start in range(0, commitments, COMMITMENTS_PER_COMMAND):
        numbers = range(start, start + COMMITMENTS_PER_COMMAND)
        ids = system.executor.execute(command_context(start), partial(_register_commitments, numbers=numbers)).result
        assert ids
        for change in range(EVENTS_PER_COMMITMENT - 5):
            system.executor.execute(
                command_context(start + change), partial(_revise_commitments, ids=ids, change=change)
            )
    with system.database.read() as transaction:
        return int(transaction.fetch_value("select count(*) from event"))


def _register_commitments(uow: UnitOfWork, numbers: range) -> list[str]:
    return [register_commitment(uow, number) for number in numbers]


def _revise_commitments(uow: UnitOfWork, ids: list[str], change: int) -> None:
    values = (RatingValue.LIMITED, RatingValue.SUBSTANTIAL, RatingValue.COMPLETE)
    for stream in ids:
        commitment_commands.revise_commitment(
            uow,
            uow.aggregate(stream),
            {
                "ratings/COMPLETION/MIDTERM": Rating(RatingState.RATED, values[change % 3]),
                f"milestones/{change % 3 + 1}/title/en": uow.text_value(f"Step, as revised {change}"),
            },
        )
