"""Later entries whose words are distributed quite otherwise than those of the corpus.

They use a few of its words again and again, misspell others, and change, withdraw and translate what was recorded: all
that would change an older search if any statistic of the present entered into it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial

from ogpgraph.domain.commitment import register_commitment, revise_commitment, withdraw_commitment
from ogpgraph.domain.event import Facts
from ogpgraph.domain.milestone import add_milestone
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.system import System
from tests.search.corpus import read_plans
from tests.search.random_searches import corpus_texts, misspell

_CONTEXT = CommandContext(actor="skew", role="administrator", time=datetime(2026, 6, 1, tzinfo=UTC))
_COMMITMENTS_IN_UNIT = 100
_NUMBERS = range(1_000, 10_000)
"""Of the codes with a prefix, those with these numbers are not in the corpus."""


def record_skewed_entries(system: System, commitments: int) -> None:
    """Record as many commitments of skewed vocabulary, and changes of those of the corpus, and project them."""
    source = random.Random(commitments)
    vocabulary = sorted({word for text in corpus_texts() for word in re.findall(r"\w{4,}", text)})
    favourites = source.sample(vocabulary, 40)
    misspelt = [misspell(source, word) for word in vocabulary]
    for first in range(0, commitments, _COMMITMENTS_IN_UNIT):
        numbers = range(first, min(first + _COMMITMENTS_IN_UNIT, commitments))
        write = partial(_record_commitments, source=source, numbers=numbers, words=favourites * 20 + misspelt)
        system.executor.execute(_CONTEXT, write)
    system.executor.execute(_CONTEXT, partial(_change_corpus, source=source, words=favourites + misspelt))
    system.projection.catch_up()


def _record_commitments(uow: UnitOfWork, source: random.Random, numbers: range, words: Sequence[str]) -> None:
    prefixes = plan_codes_by_prefix()
    for number in numbers:
        prefix, plan_code = prefixes[number // len(_NUMBERS)]
        plan = uow.require_by_code("plan", plan_code)
        language = source.choice(("en", "es", "fr"))
        facts: Facts = {
            "member": plan.string("member"),
            "actionPlan": plan.id,
            "cycle": plan.value("cycle"),
            "status": "ACTIVE",
            f"title/{language}": uow.text_value(_text(source, words, 5)),
            f"description/{language}": uow.text_value(_text(source, words, 60)),
        }
        register_commitment(uow, f"{prefix}{_NUMBERS[number % len(_NUMBERS)]}", facts)


@cache
def plan_codes_by_prefix() -> list[tuple[str, str]]:
    """Return the prefixes of the codes of commitments, each with the code of a plan of their member."""
    return [*{plan.commitment[0].code.rstrip("0123456789"): plan.code for plan in read_plans()}.items()]


def _change_corpus(uow: UnitOfWork, source: random.Random, words: Sequence[str]) -> None:
    for plan in read_plans():
        for each in plan.commitment:
            commitment = uow.require_by_code("commitment", each.code)
            match source.randrange(4):
                case 0:
                    title = uow.text_value(_text(source, words, 6))
                    revise_commitment(uow, commitment, {f"title/{plan.language}": title})
                case 1:
                    add_milestone(uow, commitment, "9.9", {"title/en": uow.text_value(_text(source, words, 9))})
                case 2:
                    withdraw_commitment(uow, commitment)


def _text(source: random.Random, words: Sequence[str], number: int) -> str:
    return " ".join(source.choices(words, k=number))
