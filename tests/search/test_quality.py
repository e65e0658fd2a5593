"""The answers to the labelled searches are as good as is required. Those that are held out are measured in bench/."""

from __future__ import annotations

from ogpgraph.system import System
from tests.search.client import measure_quality
from tests.search.labels import read_development_searches

MIN_RECALL, MIN_FIRST = 0.95, 0.85


def test_most_relevant_codes_are_among_the_first_hits_and_the_first_hit_is_mostly_right(corpus_system: System) -> None:
    quality = measure_quality(corpus_system, read_development_searches())
    assert quality.recall >= MIN_RECALL, quality.failures
    assert quality.first >= MIN_FIRST, quality.failures
