"""Writes for tests that need many: what one process of several does, and a program that does it until it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from ogpgraph.application import Act, Receipt, Session
from ogpgraph.domain.event import Idempotency
from ogpgraph.system import System, open_system


def act(key: str | None = None) -> Act:
    """An act of a test, with an idempotency key if one is given."""
    idempotency = Idempotency(key, "the same request") if key else None
    return Act(actor="tester", role="publisher", time=datetime(2026, 1, 1, tzinfo=UTC), idempotency=idempotency)


def register(system: System, code: str) -> str:
    """Register a commitment with a title; returns its id."""
    facts = {"title/en": "Open the budget"}
    receipt = system.record(act(), lambda session: session.register_commitment(code, titled(session, facts)).id)
    assert receipt.answer
    return receipt.answer


def titled(session: Session, titles: dict[str, str]) -> dict[str, object]:
    """The facts that give a thing titles."""
    return {path: session.wording(title) for path, title in titles.items()}


def retitle(system: System, code: str, title: str, key: str | None = None) -> Receipt[str]:
    """Give a commitment another title; returns the receipt, whose answer is the title it had."""

    def commands(session: Session) -> str:
        commitment = session.require("commitment", code)
        before = str(commitment.value("title/en"))
        session.revise_commitment(commitment.id, titled(session, {"title/en": title}))
        return before

    return system.record(act(key), commands)


def write_on(url: str, writer: str, codes: list[str], acknowledged: Path, limit: int | None = None) -> None:
    """Retitle commitments in turn, writing the key of each acknowledged write to a file."""
    with open_system(url) as system, acknowledged.open("a") as file:
        for number in _numbers(limit):
            key = f"{writer}-{number}"
            retitle(system, codes[number % len(codes)], f"Title {key}", key)
            file.write(key + "\n")
            file.flush()


def _numbers(limit: int | None) -> Iterator[int]:
    return iter(range(limit)) if limit is not None else count()


if __name__ == "__main__":
    url, writer, codes, file, *most = sys.argv[1:]
    write_on(url, writer, codes.split(","), Path(file), int(most[0]) if most else None)
