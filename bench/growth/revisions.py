"""Compares a commitment that has been revised thousands of times with others that have few revisions.

All are in one database and are measured in turns, through the GraphQL executor of the server. There are several with
few revisions, because measuring adds revisions.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count, pairwise
from statistics import median
from typing import Any

import structlog

from bench.growth.instruments import measure_file, run_cold
from ogpgraph.auth.authentication import Caller, RefusalLog
from ogpgraph.cli.progress import create_progress, track_task
from ogpgraph.domain.roles import Role
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.system import System, migrate, open_system
from tests.graphql.client import execute_operation, execute_query
from tests.graphql.mutations.client import open_account

FEW = 50
COMMITMENTS_WITH_FEW = 5
BLOCK = 100
"""How many commands the bytes that one adds are averaged over."""
OTHER_CODE, MANY_CODE, LARGE_CODE = "FR0001", "FR0002", "FR0900"
MILESTONES = 60
FEW_CODES = tuple(f"FR{3 + number:04}" for number in range(COMMITMENTS_WITH_FEW))

MAX_RATIOS = {
    "next command, warm": 1.5,
    "next command, fresh process": 1.5,
    "history(last: 50)": 1.5,
    "blame": 1.5,
    "stale write refused": 1.5,
    "old request reverted": 3.0,
    "bytes for each command": 1.5,
}
MAX_RATIO_OF_LARGE = 1.5
_SET_UP = """mutation {
    registerMember(input: {code: "FRA", name: "France"}) { errors { message } }
    registerActionPlan(input: {member: "FRA", cycle: 2021, title: "A plan"}) { errors { message } } }"""
_REGISTER = """mutation($code: String!, $text: String!) { registerCommitment(input: {code: $code,
    actionPlan: "FRA-2021", number: "1", title: "Revision 0", description: $text, policyAreas: ["Open Data"],
    leadInstitutions: ["Ministry of Examples"]}) { errors { message } } }"""
_REVISE = """mutation($code: String!, $title: String!, $starts: PartialDate!, $ends: PartialDate!) {
    reviseCommitment(input: {commitment: $code, title: $title, startsOn: $starts, endsOn: $ends}) {
    commitment { revision } errors { message } } }"""
_ADD_MILESTONE = """mutation($code: String!, $number: String!) { addMilestone(input: {commitment: $code,
    number: $number, title: "A step on the way to an open register"}) { errors { message } } }"""
_REVISE_STALE = """mutation($code: String!, $revision: Int!) { reviseCommitment(input: {commitment: $code,
    title: "Too late", expectedRevision: $revision}) { errors { code message } } }"""
_REVERT = """mutation($correlation: ID!) { revertImport(input: {correlationId: $correlation, reason: "A measurement"}) {
    entries { position } errors { message } } }"""
_HISTORY = """query($code: String!) { commitment(code: $code) { history(last: 50) { nodes {
    position kind recordedAt actor changes { path before after } } } } }"""
_BLAME = """query($code: String!) { commitment(code: $code) { blame { path value entry { position recordedAt } } } }"""
_OLD_REQUESTS = """query($code: String!) { commitment(code: $code) { history(first: 40) { nodes {
    correlationId } } } }"""
_REVISION = "query($code: String!) { commitment(code: $code) { revision } }"


class Writer:
    """Sends mutations as an administrator; each must succeed."""

    def __init__(self, system: System, account: str | None) -> None:
        self._system = system
        self._caller = Caller(account, "192.0.2.1")
        self._rate_limiter = RateLimiter(10**9, lambda: 0.0)
        self._numbers = count(time.time_ns())

    def mutate(self, document: str, *, is_refused: bool = False, **variables: Any) -> Any:
        """Return the data of a mutation. Raises RuntimeError where it is refused, or is not as it should be."""
        with ExitStack() as sessions:
            session = sessions.enter_context(self._system.read_session())
            access = WriteAccess(self._system, self._caller, "request", self._rate_limiter, RefusalLog(), sessions)
            result = execute_operation(document, variables, Context(session, "1", access))
        refusals = [error for payload in (result.data or {}).values() for error in payload["errors"]]
        if result.errors or bool(refusals) != is_refused:
            raise RuntimeError(f"{document[:60]}: {result.errors or refusals}")
        return result.data

    def revise(self, code: str) -> int:
        """Give a commitment another title and other dates; returns its revision."""
        number = next(self._numbers)
        year, month = 2000 + number % 97, number % 12 + 1
        starts, ends = f"{year}-{month:02}", f"{year + 1}-{month:02}"
        data = self.mutate(_REVISE, code=code, title=f"Revision {number}", starts=starts, ends=ends)
        revision: int = data["reviseCommitment"]["commitment"]["revision"]
        return revision


def report_revisions(url: str, to: int, rounds: int) -> bool:
    """Print what a command and a query cost at few and at many revisions; returns whether the targets are met."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # refusals are expected
    migrate(url)
    with open_system(url) as system:
        account = open_account(system, Role.ADMINISTRATOR).account
        assert account
        writer = Writer(system, account)
        bytes_few, bytes_many = _grow(url, writer, to)
        is_met = _compare_large(url, writer)
    times: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    _measure_cold(url, account, rounds, times)
    with open_system(url) as system:
        _measure_warm(system, account, rounds, times)
    print(f"{'':32}{'at ' + str(FEW):>12}{'at ' + format(to, ','):>12}{'ratio':>8}{'at most':>9}")
    rows = [(name, median(few) * 1000, median(many) * 1000, "ms") for name, (few, many) in times.items()]
    for name, few, many, unit in [*rows, ("bytes for each command", bytes_few, bytes_many, "B")]:
        print(f"{name:32}{few:>10,.1f}{unit:>2}{many:>10,.1f}{unit:>2}{many / few:>8.2f}{MAX_RATIOS[name]:>9}")
        is_met &= many / few <= MAX_RATIOS[name]
    return is_met


def _grow(url: str, writer: Writer, to: int) -> tuple[float, float]:
    """Create the commitments; returns the bytes that a command added to the file at few and at many revisions."""
    writer.mutate(_SET_UP)
    for code in (OTHER_CODE, *FEW_CODES, MANY_CODE):
        writer.mutate(_REGISTER, code=code, text="The ministry will publish a register. " * 40)
        while writer.revise(code) < FEW:
            pass
    began = time.perf_counter()
    sizes = {FEW: measure_file(url)}
    with create_progress("revisions") as progress:
        track, revision = track_task(progress, "revising"), FEW
        while revision < to:
            revision = writer.revise(MANY_CODE)
            track(revision, to)
            if revision in (FEW + BLOCK, to - BLOCK, to):
                sizes[revision] = measure_file(url)
    print(f"{revision:,} revisions in {time.perf_counter() - began:.0f} s; {sizes[to]:,} bytes", flush=True)
    return (sizes[FEW + BLOCK] - sizes[FEW]) / BLOCK, (sizes[to] - sizes[to - BLOCK]) / BLOCK


def _compare_large(url: str, writer: Writer) -> bool:
    """Print the bytes of a command about a commitment with many milestones and one with none.

    Returns whether they are about the same: the commands change as much.
    """
    writer.mutate(_REGISTER, code=LARGE_CODE, text="The ministry will publish a register. " * 40)
    for number in range(MILESTONES):
        writer.mutate(_ADD_MILESTONE, code=LARGE_CODE, number=f"1.{number}")
    sizes = [measure_file(url)]
    for code in (OTHER_CODE, LARGE_CODE):
        for _ in range(BLOCK):
            writer.revise(code)
        sizes.append(measure_file(url))
    none, many = ((after - before) / BLOCK for before, after in pairwise(sizes))
    print(f"bytes for each command: {none:,.0f} without milestones, {many:,.0f} with {MILESTONES}: {many / none:.2f}")
    return many / none <= MAX_RATIO_OF_LARGE


def _measure_cold(url: str, account: str, rounds: int, times: dict[str, tuple[list[float], list[float]]]) -> None:
    few, many = times["next command, fresh process"]
    for number in range(rounds):
        for code, measured in _in_turns(number, few, many):
            measured.append(run_cold(time_first_command, url, account, code))


def time_first_command(url: str, account: str, code: str) -> float:
    """Return the seconds of the first command about a commitment in a process.

    A command about another one runs before it: it validates the document and loads the account, which is as long for
    all commitments and would hide how they differ.
    """
    with open_system(url) as system:
        writer = Writer(system, account)
        writer.revise(OTHER_CODE)
        return _time(lambda: writer.revise(code))


def _measure_warm(system: System, account: str, rounds: int, times: dict[str, tuple[list[float], list[float]]]) -> None:
    writer = Writer(system, account)
    old_requests = {code: _old_requests(system, code) for code in (*FEW_CODES, MANY_CODE)}
    reading = {"history(last: 50)": _HISTORY, "blame": _BLAME}
    for number in range(rounds):
        for code, measured in _in_turns(number, "few", "many"):
            side = measured == "many"
            writer.revise(code)  # whatever is cached is so from now on
            times["next command, warm"][side].append(_time(lambda: writer.revise(code)))  # noqa: B023 - called at once
            stale = execute_query(system, _REVISION, code=code)["commitment"]["revision"] - 1
            refuse = lambda: writer.mutate(_REVISE_STALE, is_refused=True, code=code, revision=stale)  # noqa: B023, E731
            times["stale write refused"][side].append(_time(refuse))
            for name, query in reading.items():
                times[name][side].append(_time(lambda: execute_query(system, query, code=code)))  # noqa: B023
            correlation = old_requests[code].pop()
            revert = lambda: writer.mutate(_REVERT, correlation=correlation)  # noqa: B023, E731
            times["old request reverted"][side].append(_time(revert))


def _in_turns(number: int, few: Any, many: Any) -> list[tuple[str, Any]]:
    """Return both sides with their codes, in an order that alternates from round to round."""
    sides = [(FEW_CODES[number % COMMITMENTS_WITH_FEW], few), (MANY_CODE, many)]
    return sides if number % 2 else sides[::-1]


def _old_requests(system: System, code: str) -> list[str]:
    nodes = execute_query(system, _OLD_REQUESTS, code=code)["commitment"]["history"]["nodes"]
    return list(dict.fromkeys(node["correlationId"] for node in nodes[5:]))


def _time(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
