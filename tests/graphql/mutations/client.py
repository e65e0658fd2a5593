"""Sending mutations, as different accounts, to a small sample record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from graphql import GraphQLField, GraphQLObjectType, get_named_type

from ogpgraph.auth.authentication import Caller, RefusalLog
from ogpgraph.domain import account as account_commands
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.graphql.executor import CoreExecutor
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.system import System, migrate, open_system
from tests.graphql.client import SCHEMA, execute_operation, parse_document

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


def mutation_fields() -> dict[str, GraphQLField]:
    """Return every mutation of the schema, by name."""
    mutations = SCHEMA._schema.mutation_type
    assert isinstance(mutations, GraphQLObjectType)
    return dict(mutations.fields)


def mutation_document(mutation: str, selection: str | None = None) -> str:
    """Return a document that sends one mutation and selects everything of its payload, or only a given selection."""
    field = mutation_fields()[mutation]
    payload, input_type = get_named_type(field.type).name, field.args["input"].type
    selected = selection or f"{PAYLOAD_SELECTIONS[payload]} changesPresent {ENTRY_SELECTION} {ERROR_SELECTION}"
    return f"mutation Send($input: {input_type}) {{ {mutation}(input: $input) {{ {selected} }} }}"


def repeat_by_core(query: str, variables: dict[str, Any], context: Context) -> Any:
    """Return the data that graphql-core writes of what an operation has done already."""
    context.is_repeated = True
    executor = CoreExecutor.prepare(SCHEMA, parse_document(query), variables)
    result = executor.run(context, check_deadline=lambda: None)
    assert not result.errors
    return result.data


def kinds_of(payload: Any) -> list[str]:
    """Return the kinds of the entries that a mutation recorded."""
    return [entry["kind"] for entry in payload["entries"]]


class MutationClient:
    """Sends mutations as one account; None is an anonymous client."""

    def __init__(self, system: System, account: str | None, rate_limiter: RateLimiter | None = None) -> None:
        self.system = system
        self.account = account
        self.caller = Caller(account, "192.0.2.1")
        self.refusals = RefusalLog()
        self._rate_limiter = rate_limiter or RateLimiter(1_000_000, lambda: 0.0)

    def execute(self, query: str, **variables: Any) -> Any:
        """Return the data of a response that must have no errors, and that graphql-core gives, too."""
        with ExitStack() as sessions:
            session = sessions.enter_context(self.system.read_session())
            write_access = WriteAccess(self.system, self.caller, "request", self._rate_limiter, self.refusals, sessions)
            context = Context(session, "1", write_access)
            result = execute_operation(query, variables, context)
            returned: object = result.data
            data = msgspec.json.encode(returned)
            if isinstance(returned, msgspec.Raw):  # by a compiled operation
                assert msgspec.json.encode(repeat_by_core(query, variables, context)) == data
        if result.errors:
            raise result.errors[0]
        return msgspec.json.decode(data)

    def send(self, mutation: str, selection: str | None = None, **fields: Any) -> Any:
        """Return the payload of a mutation."""
        return self.execute(mutation_document(mutation, selection), input=fields)[mutation]

    def mutate(self, mutation: str, **fields: Any) -> Any:
        """Return the payload of a mutation that must not be refused."""
        payload = self.send(mutation, **fields)
        assert payload["errors"] == []
        assert set(kinds_of(payload)) <= {*COMMANDS[mutation].events, "SourceRegistered"}
        return payload

    def expect_refusal(self, mutation: str, **fields: Any) -> tuple[str, list[str]]:
        """Return code and path of the one error of a mutation that must be refused and record nothing."""
        before = self.system.log.max_notification_id()
        payload = self.send(mutation, **fields)
        assert payload["entries"] == []
        (error,) = payload["errors"]
        assert self.system.log.max_notification_id() == before
        return error["code"], error["path"]


def open_account(system: System, role: Role | None = None, *members: str) -> MutationClient:
    """Return a client with a new account, as `ogpgraph account create` opens it; without a role it has no rights."""

    def execute(uow: UnitOfWork) -> str:
        account = account_commands.open_account(uow)
        if role:
            account_commands.grant_rights(uow, account, role, members)
        return account.id

    context = CommandContext(actor="operator", role="administrator", time=system.clock())
    return MutationClient(system, system.execute(context, execute).result)


class SampleSystem:
    """France and the United Kingdom, a plan and two commitments of each, and an account of each role."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.admin = open_account(system, Role.ADMINISTRATOR)
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
        self.reporter = open_account(system, Role.REPORTER, "FRA")
        self.reviewer = open_account(system, Role.REVIEWER)
        self.without_rights = open_account(system)

    def position(self) -> int:
        """Return the position of the head."""
        with self.system.read_session() as session:
            return session.head


@contextmanager
def open_sample_system(folder: Path) -> Iterator[SampleSystem]:
    """Open a sample in a new database in a folder."""
    url = f"sqlite:///{folder / 'sample.db'}"
    migrate(url)
    with open_system(url) as system:
        yield SampleSystem(system)
