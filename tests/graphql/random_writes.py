"""Random writes between reads: units of work, mutations of all roles, texts that are removed, and time that passes."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta

from graphql import GraphQLError
from hypothesis import HealthCheck, Phase, given, seed, settings

from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.domain.values import value_text_references
from ogpgraph.system import System
from tests.domain.events import day
from tests.graphql.mutations.client import MutationClient, mutation_fields, open_account
from tests.graphql.random_operations import Operation
from tests.graphql.random_values import RandomValues
from tests.readmodel.histories import Step, steps

TIMES = (timedelta(seconds=1), timedelta(hours=5), timedelta(days=1), timedelta(days=400))


class SetClock:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class RandomWrites:
    """Writes to a system and lets its clock go on, the same for the same seed."""

    def __init__(self, system: System, clock: SetClock, seed_: int, number: int) -> None:
        self._system = system
        self._clock = clock
        self._chance = random.Random(seed_)
        self._steps = draw_steps(seed_, number)
        self._clients = [
            open_account(system, role) for role in (*(each for each in Role if each is not Role.REPORTER), None)
        ]
        self._clients += [open_account(system, Role.REPORTER, "URY"), MutationClient(system, None)]
        self._clients += [open_account(system, Role.ADMINISTRATOR)] * 5  # who is never refused for want of a right

    def write(self, values: RandomValues) -> None:
        """Let time pass, and execute some units of work and mutations; sometimes remove texts."""
        self._clock.now += self._chance.choice(TIMES)
        if self._chance.random() < 0.2:
            self._remove_texts()
        self._send_mutation(values)
        for step in (self._steps.pop() for _ in range(min(2, len(self._steps)))):
            context = CommandContext(actor="someone", role="publisher", time=day(step.day), reason=step.reason)
            with suppress(Refusal):
                self._system.execute(context, step.run)

    def send(self, mutation: Operation) -> None:
        """Send a mutation as one of the accounts, or as none; graphql-core must write the same payload."""
        with suppress(GraphQLError):  # its values may be wrong
            self._chance.choice(self._clients).execute(mutation.text, **mutation.variables[0])

    def _send_mutation(self, values: RandomValues) -> None:
        name, field = self._chance.choice(sorted(mutation_fields().items()))
        values.is_careful = True
        given = values.choose(field.args["input"].type, "mutation")
        with suppress(GraphQLError):  # its values may be wrong
            self._chance.choice(self._clients).send(name, "__typename errors { code }", **given)

    def _remove_texts(self) -> None:
        """Remove some texts of what is shown now, as the demand of a person does."""
        with self._system.read_session() as session:
            ids = [row["id"] for row in session.transaction.fetch_all("select id from stream order by id")]
            found = session.at_head().find_many(ids)
            states = (found[each] for each in ids if each in found)
            claims = (state.current_claims[path] for state in states for path in sorted(state.current_claims))
            # In an order that does not depend on the references, which depend on the secret key of the log.
            shown = list(dict.fromkeys(each for claim in claims for each in value_text_references(claim.value)))
        with self._system.database.write() as transaction:
            for reference in self._chance.sample(shown, len(shown) // 8):
                transaction.execute("delete from stored_text where reference = :reference", reference=reference)
            transaction.execute("update log set redaction_version = redaction_version + 1")


def draw_steps(seed_: int, number: int) -> list[Step]:
    """Return random units of work, the same for the same seed."""
    found: list[Step] = []

    @seed(seed_)
    @settings(max_examples=number, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(steps)
    def collect(step: Step) -> None:
        found.append(step)

    collect()
    random.Random(seed_).shuffle(found)  # simple ones come first
    return found
