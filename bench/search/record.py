"""The record that is searched: commitments of realistic length in three languages, recorded through commands."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Final

from bench.data import AREAS, REGIONS, member_code
from bench.search.texts import LANGUAGES, choose_language, draw_text, draw_title
from bench.serving.record import keep_record
from ogpgraph.cli.progress import create_progress, track_task
from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_member
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.domain.values import TextListValue, TranslationKind
from ogpgraph.system import migrate, open_system

COMMITMENTS_OF_PLAN: Final = 60
"""More than OGP's plans have: the larger a unit of work, the faster is recording."""
_PLANS_OF_MEMBER: Final = 7
_MEDIAN_WORDS: Final = 300
"""The words of half of the descriptions; a tenth have three times as many."""
_SPREAD: Final = math.log(3) / 1.28
_MAX_WORDS: Final = 3_000
_INSTITUTIONS: Final = 400
"""The institutions of each language."""


def open_search_record(commitments: int) -> Path:
    """Return the SQLite database with as many commitments; it is made where it is missing."""
    return keep_record(f"search-{commitments}", partial(_make_record, commitments))


def _make_record(commitments: int, file: Path) -> None:
    url, numbers = f"sqlite:///{file}", count(1)
    clock, new_id = _Clock(), lambda: f"{next(numbers):08x}"
    migrate(url, clock=clock, new_id=new_id)
    plans = range(math.ceil(commitments / COMMITMENTS_OF_PLAN))
    with open_system(url, clock=clock, new_id=new_id) as system, create_progress("plans") as progress:
        track = track_task(progress, "recording")
        for plan in plans:
            first = plan * COMMITMENTS_OF_PLAN
            numbered = range(first, min(first + COMMITMENTS_OF_PLAN, commitments))
            context = CommandContext(actor="bench", role="publisher", time=clock())
            system.executor.execute(context, partial(record_plan, number=plan, commitments=numbered))
            track(plan + 1, len(plans))
        system.projection.catch_up(track_task(progress, "projecting"))


def record_plan(uow: UnitOfWork, number: int, commitments: range) -> None:
    """Record a plan with its commitments, and with the first plan of a member the member."""
    source = random.Random(f"plan {number}")
    code, prefix = member_code(number // _PLANS_OF_MEMBER)
    member = uow.resolve_code("member", code) or _register_member(uow, code, prefix, number)
    cycle = 2011 + 2 * (number % _PLANS_OF_MEMBER)
    title = uow.text_value(f"Action Plan {cycle}-{cycle + 2} of the Land of {code.title()}")
    facts: Facts = {"member": member, "cycle": cycle, "status": "ACTIVE", "title/en": title}
    plan = register_action_plan(uow, f"{code}-{cycle}", facts)
    own: Facts = {"member": member, "actionPlan": plan.id, "cycle": cycle, "status": "ACTIVE"}
    for each in commitments:
        place = each % (_PLANS_OF_MEMBER * COMMITMENTS_OF_PLAN)
        register_commitment(uow, f"{prefix}{place:04}", own | _commitment_facts(uow, source, place))


def _register_member(uow: UnitOfWork, code: str, prefix: str, number: int) -> str:
    name = uow.text_value(f"Land of {code.title()}")
    region = REGIONS[number % len(REGIONS)]
    facts: Facts = {"prefix": prefix, "region": region, "type": "NATIONAL", "status": "ACTIVE", "name/en": name}
    return register_member(uow, code, facts).id


def _commitment_facts(uow: UnitOfWork, source: random.Random, place: int) -> Facts:
    language = choose_language(source)
    number = str(place % COMMITMENTS_OF_PLAN + 1)
    words = min(_MAX_WORDS, int(_MEDIAN_WORDS * math.exp(source.gauss(0, _SPREAD))) + 10)
    facts: Facts = {
        "number": number,
        "policyAreas": tuple(sorted(source.sample(AREAS, source.randint(1, 3)))),
        f"title/{language}": uow.text_value(draw_title(source, language)),
        f"description/{language}": uow.text_value(draw_text(source, language, words)),
        f"leadInstitutions/{language}": _draw_institutions(uow, source, language, 1),
        f"supportingInstitutions/{language}": _draw_institutions(uow, source, language, source.randint(0, 3)),
    }
    for index in range(1, source.randint(2, 5)):
        facts[f"milestones/{number}.{index}/title/{language}"] = uow.text_value(draw_title(source, language))
    if source.random() < 0.3:
        review = draw_text(source, language, 150)
        facts[f"narratives/DESIGN/OVERVIEW/{language}"] = uow.text_value(review)
    return facts


def _draw_institutions(uow: UnitOfWork, source: random.Random, language: str, number: int) -> TextListValue:
    names = source.sample(institutions()[language], number)
    return TextListValue(tuple(map(uow.text_ref, names)), TranslationKind.ORIGINAL)


@cache
def institutions() -> dict[str, list[str]]:
    """Return the names of institutions by language."""
    source = random.Random("institutions")
    openings = {"en": "Ministry of", "es": "Ministerio de", "fr": "Ministère de"}
    return {
        language: [f"{openings[language]} {draw_title(source, language)}" for _ in range(_INSTITUTIONS)]
        for language in LANGUAGES
    }


class _Clock:
    """A clock that goes on by a tenth of a second whenever it is asked."""

    def __init__(self) -> None:
        self._now = datetime(2025, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=0.1)
        return self._now
