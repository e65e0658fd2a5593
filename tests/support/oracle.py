"""Checks of a database after its writers ended in any way, against the writes that were acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from ogpgraph.domain.aggregate_types import decode_stored_event
from ogpgraph.storage.payload import decompress_payload
from ogpgraph.system import System


def check_log(system: System, acknowledged: Mapping[str, object], codes: list[str]) -> None:
    """Every acknowledged write is in the log once, the read model matches the log, and no position is missing."""
    with system.read_session() as session:
        rows = session.transaction.fetch_all(
            "select e.position, e.log_position, s.id as stream, e.revision "
            "from entry e join stream s on s.key = e.stream order by e.position"
        )
        commands = session.transaction.fetch_all("select command from event where command like 'tester/%'")
        events = session.transaction.fetch_value("select count(*) from event")
    assert [row["position"] for row in rows] == list(range(1, events + 1)), "positions have gaps, or rows are missing"
    assert sorted(row["log_position"] for row in rows) == [row["log_position"] for row in rows]
    revisions: Counter[str] = Counter()
    for row in rows:
        revisions[row["stream"]] += 1
        assert row["revision"] == revisions[row["stream"]], "a revision is missing or there twice"
    stored = Counter(row["command"].partition("/")[2] for row in commands)
    assert not [key for key, times in stored.items() if times > 1], "a command was recorded twice"
    lost = set(acknowledged) - set(stored)
    assert not lost, f"acknowledged and lost: {sorted(lost)[:5]}"
    _check_titles(system, codes, len(stored))
    before = system.digest()
    system.rebuild()
    assert system.digest() == before, "the read model does not match the log"


def _check_titles(system: System, codes: list[str], commands: int) -> None:
    """Each write changed one title once: there are as many titles as commands, and all differ."""
    titles = []
    for code in codes:
        with system.read_session() as session:
            commitment = session.at_head().find_by_code("commitment", code)
        assert commitment
        events = [decode_stored_event(logged) for logged in system.log.read_stream(commitment.id)]
        titles += [str(event.facts["title/en"]) for event in events[1:]]
    assert len(titles) == len(set(titles)) == commands, "an update was lost, or done twice"


def check_imports(system: System, hashes: list[str]) -> None:
    """Every version of a page whose import was acknowledged was observed once."""
    with system.database.read() as transaction:
        rows = transaction.fetch_all("select payload from event where stream like 'source-%'")
    payloads = [decompress_payload(bytes(row["payload"])).decode() for row in rows]
    for each in hashes:
        times = sum(
            f'"contentHash":"{each}","text":' in payload and f'"value":"{each}"' not in payload for payload in payloads
        )
        assert times == 1, f"a page was observed {times} times"


def check_no_lost_update(system: System, code: str, replaced: Mapping[str, str]) -> None:
    """Each write of one commitment replaced the title that its writer had read."""
    with system.read_session() as session:
        commitment = session.at_head().find_by_code("commitment", code)
    assert commitment
    events = [decode_stored_event(logged) for logged in system.log.read_stream(commitment.id)]
    for before, event in pairwise(events):
        assert event.envelope.idempotency
        assert replaced[event.envelope.idempotency.key] == str(before.facts["title/en"])
