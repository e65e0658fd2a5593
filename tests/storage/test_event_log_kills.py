"""`kill -9` of writers and a server under load, again and again: no acknowledged write is lost or doubled.

`bench/writer_kills.py` does the same for longer, and counts.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES
from tests.support import oracle
from tests.support.writers import Launcher, register_commitment

pytestmark = [BOTH_ENGINES, pytest.mark.long]
KILLS, CODES = 20, [f"FR{number:04}" for number in range(4)]


def test_acknowledged_writes_are_neither_lost_nor_doubled_by_kills(url: str, tmp_path: Path) -> None:
    """The processes also project; each round kills all of them at the same moment."""
    rng = random.Random(20)
    acknowledged: dict[str, object] = {}
    with open_system(url) as system:
        for code in CODES:
            register_commitment(system, code)
    launcher = Launcher()
    imported: list[str] = []
    for number in range(KILLS):
        written, hashes = launcher.kill_round(url, tmp_path / f"round-{number}", CODES, rng.uniform(0.0, 0.6))
        acknowledged |= written
        imported += hashes
        with open_system(url) as system, system.read_session() as session:
            assert session.head >= len(acknowledged) + len(imported)
    launcher.close()
    assert len(acknowledged) > KILLS
    assert len(imported) > 0
    with open_system(url) as system:
        oracle.check_log(system, acknowledged, CODES)
        oracle.check_imports(system, imported)
