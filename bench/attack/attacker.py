"""The process of an attacker: python -m bench.attack.attacker NAME PORT SECONDS; prints the answers it got, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from bench.attack.attacks import ATTACKS, Attacker


async def _attack(name: str, port: int, seconds: float) -> None:
    attack = ATTACKS[name]
    attacker = Attacker(port, attack.address)
    print("begun", flush=True)
    try:
        async with asyncio.timeout(seconds):
            await attack.run(attacker)
    except TimeoutError:
        pass
    except Exception as error:
        attacker.answers[repr(error)[:80]] += 1
    print(json.dumps(attacker.answers.most_common(4)), flush=True)


if __name__ == "__main__":
    uvloop.run(_attack(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
