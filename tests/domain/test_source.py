"""Sources: their identity and their observations."""

from datetime import datetime
from hashlib import sha256

import pytest

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.source import content_hash, last_observed_at, observations, source_id, validate_url
from ogpgraph.domain.values import Observation
from tests.domain.events import HEADER, build_aggregate, day

FIRST = Observation("sha256:" + "1" * 64, "a" * 64, "reader 1")
SECOND = Observation("sha256:" + "2" * 64, "b" * 64, "reader 1")


def source(*facts: Facts) -> Aggregate:
    return build_aggregate(*((each, {"origin": HEADER}) for each in facts), stream="source-1")


def at(number: int) -> str:
    return f"observations/{format_timestamp(day(number))}"


def test_a_source_is_identified_by_kind_code_and_language() -> None:
    assert source_id("PAGE", "FR0001", "en") == source_id("PAGE", "FR0001", "en")
    others = {
        source_id(*of) for of in (("PAGE", "FR0001", "fr"), ("PAGE", "FR0002", "en"), ("DOCUMENT", "FR0001", "en"))
    }
    assert len(others | {source_id("PAGE", "FR0001", "en")}) == 4
    assert source_id("PAGE", "FR0001", "en").startswith("source-")


@pytest.mark.parametrize("url", ["https://example.org/a", "http://exämple.org:8080/?q=1#x", "HTTPS://EXAMPLE.ORG/"])
def test_a_url_names_a_document(url: str) -> None:
    assert validate_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:s3cret@example.org/",
        "https://s3cret@example.org",
        "ftp://ann:s3cret@example.org/",
        "//ann:s3cret@example.org/",
        "https://example.org\\@s3cret",
        "https://user:s3/cret@example.org",
        "https://example.org/s3cret\n",
        "https://example.org/s3cret\u0085",
        "https://example.org/s3cret page",
        "https://[s3cret/",
        "https:///s3cret",
        "s3cret",
        "https://example.org/s3cret" + "x" * 2000,
    ],
)
def test_what_is_no_url_or_has_credentials_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate_url(url)
    assert "s3" not in refused.value.message


def test_bytes_are_identified_by_their_hash() -> None:
    assert content_hash(b"page") == "sha256:" + sha256(b"page").hexdigest()


def test_observations_are_sorted_by_time() -> None:
    assert observations(source({at(9): SECOND}, {at(2): FIRST})) == [(day(2), FIRST), (day(9), SECOND)]


def test_an_observation_of_unchanged_bytes_counts_as_the_last_one() -> None:
    assert last_observed_at(source()) is None
    assert last_observed_at(source({at(2): FIRST})) == day(2)
    assert last_observed_at(source({at(2): FIRST}, {"observedUnchanged": format_timestamp(day(5))})) == day(5)
    assert last_observed_at(source({at(9): FIRST}, {"observedUnchanged": format_timestamp(day(5))})) == day(9)


def test_times_of_observations_have_a_zone() -> None:
    ((time, _),) = observations(source({"observations/2026-01-02T03:04:05Z": FIRST}))
    assert time == datetime.fromisoformat("2026-01-02T03:04:05+00:00")
