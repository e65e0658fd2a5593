"""Measures the processor time of the five operations in process, by compiled operations and by graphql-core.

    python -m bench.compiled [Q1 Q2 …] [--rounds 5] [--core] [--profile]

Each round sends every operation with all its sets of variables: warm, at a past position, and, in the first round, for
the first time. What is measured is preparing the executor and running it in a session that is open, as `web` does it
for a document that it knows. With `--core` graphql-core executes the same, which takes a while.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from graphql import DocumentNode, parse

from bench.serving.operations import OGPGRAPH_DOCUMENTS, Known, Operation, choose_variables, read_past
from bench.serving.record import copy_record, open_record
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor
from ogpgraph.graphql.schema import build_schema
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.system import System, open_system

TARGETS: Final = {"Q1": 2_500, "Q2": 3_000, "Q3": 4_500, "Q4": 3_000, "Q5": 2_800}
"""The operations in a second that each is to reach, warm."""
_LATEST: Final = 0.9
"""The past position that is read, as a part of the present one."""
_SCHEMA: Final = build_schema()
Variables = Mapping[str, Any]


class Case:
    """An operation that is measured, with its sets of variables; `compiled` is None for graphql-core."""

    def __init__(self, text: str, variables: Sequence[Variables], compiled: CompiledOperations | None) -> None:
        self._document: DocumentNode = parse(text)
        self._variables = variables
        self._compiled = compiled

    def measure(self, session: ReadSession) -> float:
        """Return the microseconds of processor time that an operation takes."""
        began = time.process_time()
        for variables in self._variables:
            self._run(session, variables)
        return (time.process_time() - began) / len(self._variables) * 1e6

    def respond(self, session: ReadSession) -> list[bytes]:
        """Return the responses."""
        return [msgspec.json.encode(self._run(session, each)) for each in self._variables]

    def _run(self, session: ReadSession, variables: Variables) -> Any:
        # Each request has snapshots of its own.
        session._snapshots.clear()  # noqa: SLF001 - as a session that is opened for it has
        executor = Executor.prepare(_SCHEMA, self._document, variables, compiled=self._compiled)
        result = executor.run(Context(session, "1"), check_deadline=_ignore)
        if result.errors:
            raise result.errors[0]
        return result.data


def _ignore() -> None:
    pass


def build_cases(
    session: ReadSession, operations: Sequence[Operation], *, with_core: bool
) -> Iterator[tuple[str, Case]]:
    """Yield the cases by their names."""
    known = Known(_read_codes(session, "commitment"), _read_codes(session, "member"), session.head)
    for operation in operations:
        text = OGPGRAPH_DOCUMENTS[operation]
        position = int(session.head * _LATEST)
        variables = [_with_cursor(session, each) for each in choose_variables(operation, known)]
        past = [{**each, "position": position} for each in variables]
        yield f"{operation.name} warm", Case(text, variables, CompiledOperations())
        yield f"{operation.name} past", Case(read_past(text), past, CompiledOperations())
        if with_core:
            yield f"{operation.name} core", Case(text, variables, None)


def _read_codes(session: ReadSession, aggregate_type: str) -> list[str]:
    streams = session.state.streams.of_type(aggregate_type)
    return sorted(filter(None, streams.codes))


def _with_cursor(session: ReadSession, variables: Variables) -> Variables:
    if "before" not in variables:
        return variables
    return {**variables, "before": str(session.bookmark(min(variables["before"], int(session.head * _LATEST))))}


def measure(system: System, operations: Sequence[Operation], rounds: int, *, with_core: bool) -> dict[str, list[float]]:
    """Return the microseconds of each case in each round; the first one has everything for the first time."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    with system.read_session() as session:
        cases = list(build_cases(session, operations, with_core=with_core))
        for _ in range(rounds + 1):
            for name, case in cases:
                found[name].append(case.measure(session))
    return found


def profile(system: System, operations: Sequence[Operation], rounds: int) -> None:
    """Print where the time of the operations goes, each once warm."""
    with system.read_session() as session:
        for name, case in build_cases(session, operations, with_core=False):
            case.measure(session)
            profiler = cProfile.Profile()
            profiler.enable()
            for _ in range(rounds):
                case.measure(session)
            profiler.disable()
            print(name)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operations", nargs="*", choices=[*Operation.__members__, []])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", action="store_true")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    operations = [Operation[each] for each in arguments.operations or Operation.__members__]
    with tempfile.TemporaryDirectory() as folder:
        file = copy_record(open_record(1), Path(folder))
        with open_system(f"sqlite:///{file}") as system:
            if arguments.profile:
                profile(system, operations, arguments.rounds)
                return
            for name, times in measure(system, operations, arguments.rounds, with_core=arguments.core).items():
                first, *others = times
                median = statistics.median(others)
                target = f"  target {1e6 / TARGETS[name[:2]]:6.0f}" if name.endswith("warm") else ""
                print(f"{name}: {median:9.0f} µs ({1e6 / median:7.0f}/s)  first {first:9.0f} µs{target}")


if __name__ == "__main__":
    main()
