"""A request enters few source files, so that a newcomer can follow it from the first byte to the last."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import OGPGRAPH

pytestmark = pytest.mark.slow

# Whoever raises a ceiling gives the reason beside it. `completeMilestone`: it was 45 until commands were declared in
# the domain; how any command is translated and run is now a module more, so that a new mutation adds none. It was
# 46 until payloads were compressed and aggregates cached, which are a module each. All that writes enters two more:
# `domain/text`, since texts are checked in one place for every entry path, and the module of amendments. The rows of
# the projector and the encoding of states are a module each (50 before). An import looks for what its source stated
# just before and after, a module more. What writes remembers its position outside of the database: a guard, its file.
# Damaged records have one class and a register in `storage/damage`, and failures of the storage their codes in
# `web/errors`, which every request enters. What appends asks the guard of the clock. What HTTP requires of every
# endpoint is a module of its own, the parameters of URLs another, and so are the hosts and the operations of all
# transports.
# The state as of a date, the rows of earlier claims, and queries for entries are a module each. Literals are validated
# by a rule of ours, whose errors name the value and its place. Deprecated parts are looked for in each operation.
# What concerns SQLite's files as files is a module of its own, and so are its connections, its readers and its lock.
# An import of a page records facts of members and plans, its quotes, and codes of commitments that had none by a module
# each.
# The weights of variables are measured in each request, by a module beside that of the costs of operations.
# Operations take turns: the queue, the scheduler, its tasks, deadlines and the budget of costs are a module each.
# The read model in memory (its changes, streams, rows of the index, bitsets, persistent maps, freshness, folding) and
# operations that are compiled are a module for each part, and so is what a thread says where it waits.
# What a compiled operation keeps (fragments and their cache), joins and plans is a module each.
# Commands wait in a queue and are decided in groups; what appends is a module, and so is the event as it is stored.
# What a page looks like before it is read (encoding, broken lines, markup), its top, its language, the names of members
# and what its header states are a module each, and so are its list and its plans.
# What a query answered is kept to be compared with graphql-core.
# The direct path looks at each request: at its headers, at what is known of the operation, and whether it holds a
# transaction, a module each.
# Which texts are searched is derived from states by a module, and so is what a group of paths says of the tags.
# A response that is there as a whole is written by the protocol, and kept responses are a module each.
# The payload of a mutation is written by a compiled operation, as the responses of queries are: the nine modules of
# these.
# The system that is served, costs of operations, JSON in slices, lists of the schema, what entries state of themselves,
# the moments that arguments name, and fields of commitments are a module each.
# Requests are looked at together before they have tasks, by a module; so are the tags of changed paths.
# What is saved is projected with it, by a module; and the rows of a batch are made by one.
# What repeated requests say, and how what was found at once is sent, are a module each.
# What is known to be committed, and a reading that threads share, are a module each.
# What an event changes (its delta) and how what is stated is compared are a module each, beside the fold.
# The server looks for news and for garbage from time to time, perhaps during a request: up to three modules.
# What mutations return, what waits for a turn and the threads of operations are a module each.
# The rules of validation, responses, the table of members, timelines, readings and what sources may have stated are a
# module each; so are the words of pages, how labels are found in lines and summaries, and the commitments of a page.
# The tags of groups of values, of whole aggregates and of dimensions are a module each, as are numbers of milestones.
CEILINGS = {"completeMilestone": 142, "read at a past position": 82, "import of a page": 109}


@pytest.fixture(scope="module")
def entered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The source files that each request enters whenever it is repeated."""
    folder = tmp_path_factory.mktemp("paths")
    url = f"sqlite:///{folder}/log.db"
    account = run(OGPGRAPH, "account", "create", "--role", "administrator", "--database", url).split()[0]
    token = run(OGPGRAPH, "account", "token", account, "--database", url).split()[-1]
    traced = run(sys.executable, "-m", "tests.support.file_tracer", str(folder), token, url)
    files: dict[str, list[str]] = json.loads(traced.splitlines()[-1])
    return files


def run(*command: str) -> str:
    """Run a program from the project's root; returns what it prints."""
    completed = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False, timeout=300
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.mark.parametrize("request_kind", CEILINGS)
def test_a_request_enters_no_more_source_files_than_its_ceiling(
    entered: dict[str, list[str]], request_kind: str
) -> None:
    assert len(entered[request_kind]) <= CEILINGS[request_kind], "\n".join(entered[request_kind])
