"""A log to measure with: commitments as pages tell them, each changed a few times, appended but not followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from ogpgraph.application import Act, Session
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.system import System

PER_SAVE = 50
EVENTS_EACH = 7
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


def act(number: int = 0) -> Act:
    """An act of the measurement."""
    return Act(actor="bench", role="publisher", time=BEGIN + timedelta(seconds=number))


def facts_of(session: Session, number: int) -> Facts:
    """What a page of average length says of a commitment."""
    facts: Facts = {
        "title/en": session.wording(f"Open data for service number {number}"),
        "number": str(number),
        "cycle": 2018 + number % 6,
        "status": "ACTIVE" if number % 3 else "INACTIVE",
        "policyAreas": ("Open Data", "Public Participation"),
    }
    facts["description/en"] = session.wording(f"The ministry will publish register {number}. " * 8)
    for milestone in range(1, 4):
        facts[f"milestones/{milestone}/title/en"] = session.wording(f"Step {milestone} of {number}")
    return facts


def register(session: Session, number: int) -> str:
    """Register one commitment; returns its id."""
    return session.register_commitment(
        f"FR{number:04}" if number < 10_000 else f"KE{number - 10_000:04}", facts_of(session, number)
    ).id


def fill(system: System, events: int) -> int:
    """Append about so many events; returns how many there are."""
    commitments = max(PER_SAVE, events // EVENTS_EACH)
    for start in range(0, commitments, PER_SAVE):
        numbers = range(start, start + PER_SAVE)
        ids = system.register.record(act(start), partial(_register_all, numbers=numbers)).answer
        assert ids
        for change in range(EVENTS_EACH - 5):
            system.register.record(act(start + change), partial(_change, ids=ids, change=change))
    with system.database.read() as transaction:
        return int(transaction.value("select count(*) from event"))


def _register_all(session: Session, numbers: range) -> list[str]:
    return [register(session, number) for number in numbers]


def _change(session: Session, ids: list[str], change: int) -> None:
    values = (RatingValue.LIMITED, RatingValue.SUBSTANTIAL, RatingValue.COMPLETE)
    for commitment in ids:
        session.revise_commitment(
            commitment,
            {
                "ratings/COMPLETION/MIDTERM": Rating(RatingState.RATED, values[change % 3]),
                f"milestones/{change % 3 + 1}/title/en": session.wording(f"Step, as revised {change}"),
            },
        )
