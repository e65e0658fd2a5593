"""Writing in GraphQL as some account: a small world to write in, and the payloads that come back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from graphql import GraphQLNonNull, GraphQLObjectType

from ogpgraph.application import CommandContext, UnitOfWork
from ogpgraph.application.commands import accounts
from ogpgraph.auth.authentication import Caller, RefusalLog
from ogpgraph.domain.account import Role
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.system import System, migrate, open_system
from tests.graphql.client import SCHEMA

ERROR_SELECTION = "errors { code message path currentRevision changes { path before after } }"
ENTRY_SELECTION = "entries { position kind actor role reason cause effectiveOn changes { path before after } }"
COMMITMENT_SELECTION = (
    "commitment { code formerCodes number title status policyAreas leadInstitutions startsOn endsOn languages revision "
    "milestones { number title status endsOn updates { text } } starred "
    "ratings { indicator stage ogpValue state value statedAs } narratives { section text } "
    "predecessors { code } successors { code } mergedInto { code } splitFrom { code } splitInto { code } }"
)
PAYLOAD_SELECTIONS = {
    "MemberPayload": "member { code prefix type region name status joinedOn revision }",
    "ActionPlanPayload": "actionPlan { code title cycle status startsOn endsOn revision }",
    "CommitmentPayload": COMMITMENT_SELECTION,
    "MilestonePayload": COMMITMENT_SELECTION + " milestone { number title status endsOn updates { text } }",
    "SubjectPayload": "subject { id revision }",
    "RevertPayload": "correlationId subjects { id }",
    "AccountPayload": "account { id roles reporterOf revision }",
}


def mutation_types() -> dict[str, Any]:
    """Every mutation of the schema with graphql-core's field."""
    mutations = SCHEMA._schema.mutation_type
    assert isinstance(mutations, GraphQLObjectType)
    return dict(mutations.fields)


def mutation_document(mutation: str, selection: str | None = None) -> str:
    """A document that sends one mutation and asks for all there is to know of what came of it."""
    field = mutation_types()[mutation]
    payload = field.type.of_type.name if isinstance(field.type, GraphQLNonNull) else field.type.name
    chosen = selection or f"{PAYLOAD_SELECTIONS[payload]} {ENTRY_SELECTION} {ERROR_SELECTION}"
    return f"mutation Send($input: {field.args['input'].type}) {{ {mutation}(input: $input) {{ {chosen} }} }}"


class MutationClient:
    """Somebody who writes; None is a reader whom nobody knows."""

    def __init__(self, system: System, account: str | None, budget: RateLimiter | None = None) -> None:
        self.system = system
        self.account = account
        self.caller = Caller(account, "192.0.2.1")
        self.refusals = RefusalLog()
        self._budget = budget or RateLimiter(1_000_000, lambda: 0.0)

    def execute(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        with ExitStack() as readings:
            reading = readings.enter_context(self.system.read_session())
            writing = WriteAccess(self.system, self.caller, "request", self._budget, self.refusals, readings)
            result = SCHEMA.execute_sync(query, variables, Context(reading, "1", writing))
        if result.errors:
            raise result.errors[0]
        return msgspec.json.decode(msgspec.json.encode(result.data))

    def send(self, mutation: str, selection: str | None = None, **sent: Any) -> Any:
        """The payload of a mutation."""
        return self.execute(mutation_document(mutation, selection), input=sent)[mutation]

    def mutate(self, mutation: str, **sent: Any) -> Any:
        """The payload of a mutation that must not be refused."""
        payload = self.send(mutation, **sent)
        assert payload["errors"] == []
        return payload

    def expect_refusal(self, mutation: str, **sent: Any) -> tuple[str, list[str]]:
        """Code and path of the one refusal that a mutation must meet with; nothing must have been recorded."""
        before = self.system.log.max_notification_id()
        payload = self.send(mutation, **sent)
        assert payload["entries"] == []
        (error,) = payload["errors"]
        assert self.system.log.max_notification_id() == before
        return error["code"], error["path"]


class SampleSystem:
    """France and the United Kingdom, a plan and two commitments of each, and an account for each role."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.admin = self.writer(Role.ADMINISTRATOR)
        self.anonymous = MutationClient(system, None)
        for code, prefix, name in (("FRA", "FR", "France"), ("GBR", "UK", "United Kingdom")):
            self.admin.mutate("registerMember", code=code, name=name)
            self.admin.mutate("registerActionPlan", member=code, cycle=2021, title=f"Plan of {name}")
            for number in (1, 2):
                self.admin.mutate(
                    "registerCommitment",
                    code=f"{prefix}000{number}",
                    actionPlan=f"{code}-2021",
                    number=str(number),
                    title=f"Commitment {number} of {name}",
                )
            self.admin.mutate("addMilestone", commitment=f"{prefix}0001", number="1.1", title="A portal")
        self.reporter = self.writer(Role.REPORTER, "FRA")
        self.reviewer = self.writer(Role.REVIEWER)
        self.without_rights = self.writer()

    def writer(self, role: Role | None = None, *members: str) -> MutationClient:
        """A new account with a role, or without any."""

        def commands(uow: UnitOfWork) -> str:
            account = accounts.open_account(uow).id
            if role:
                accounts.grant_rights(uow, accounts.find_account(uow, account), role, members)
            return account

        return MutationClient(self.system, record_as_operator(self.system, commands))

    def position(self) -> int:
        """The head."""
        with self.system.read_session() as reading:
            return reading.head


@contextmanager
def open_sample_system(folder: Path) -> Iterator[SampleSystem]:
    """A world of its own in a folder, for tests that write nothing to share."""
    url = f"sqlite:///{folder / 'sample.db'}"
    migrate(url)
    with open_system(url) as system:
        yield SampleSystem(system)


def record_as_operator(system: System, commands: Callable[[UnitOfWork], str]) -> str:
    """Run commands as the operator does."""
    answer = system.execute(
        CommandContext(actor="operator", role="administrator", time=system.clock()), commands
    ).result
    assert answer is not None
    return answer


def format_path(error_path: list[str]) -> str:
    """A path of an input as one text."""
    return re.sub(r"^input\.?", "", ".".join(error_path))
