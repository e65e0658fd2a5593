"""A persistent map is, after any changes, what a dict is after the same, and the one before is what it was."""

from __future__ import annotations

import random

import pytest

from ogpgraph.readmodel.persistent_map import MAX_BUCKET, PersistentMap


@pytest.mark.parametrize("size", [0, 1, MAX_BUCKET, 5 * MAX_BUCKET])
def test_map_after_changes_is_that_of_a_dict(size: int) -> None:
    rng = random.Random(size)
    expected = {f"key {number}": number for number in range(size)}
    found = PersistentMap(expected.items())
    for _ in range(30):
        before, was = found, dict(expected)
        keys = [f"key {rng.randrange(2 * size + 500)}" for _ in range(rng.choice([1, 3, 100]))]
        changes = {key: rng.choice([None, rng.random()]) for key in keys}
        found = found.update(changes)  # type: ignore[arg-type]
        expected = {key: value for key, value in {**expected, **changes}.items() if value is not None}  # type: ignore[misc]
        _check(found, expected)
        _check(before, was)


def _check(found: PersistentMap[int], expected: dict[str, int]) -> None:
    assert dict(found.items()) == dict(found) == expected
    assert len(found) == len(found.items()) == len(expected)
    assert found == expected
    for key in ("key 0", "key 1", "no such key"):
        assert (found.get(key), key in found) == (expected.get(key), key in expected)
    with pytest.raises(KeyError):
        found["no such key"]
