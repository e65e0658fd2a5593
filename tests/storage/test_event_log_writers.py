"""Eight processes write at the same time: no write is lost or doubled, and none is refused without cause.

`bench/concurrent_writers.py` does the same with five hundred commands each.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES
from tests.support import oracle
from tests.support.writers import read_acknowledged, register_commitment, start_writers

pytestmark = [BOTH_ENGINES, pytest.mark.slow, pytest.mark.long]
WRITERS, COMMANDS = 8, 25


@pytest.mark.parametrize("shared", [True, False], ids=["the same commitment", "commitments of their own"])
def test_concurrent_processes_lose_and_double_no_write(url: str, tmp_path: Path, shared: bool) -> None:
    codes = ["FR0001"] if shared else [f"FR{number:04}" for number in range(WRITERS * 2)]
    with open_system(url) as system:
        for code in codes:
            register_commitment(system, code)
        writers = start_writers(url, tmp_path / "writers", WRITERS, codes, COMMANDS, shared=shared)
        problems = writers.communicate(timeout=180)[1]
        assert (writers.returncode, problems) == (0, "")
        acknowledged = read_acknowledged(tmp_path / "writers")
        assert len(acknowledged) == WRITERS * COMMANDS
        oracle.check_log(system, acknowledged, codes)
        if shared:
            oracle.check_no_lost_update(system, codes[0], {key: before for key, (_, before) in acknowledged.items()})
        else:
            assert {conflicts for conflicts, _ in acknowledged.values()} == {0}
