"""JSON in slices is what the encoder gives at once, and each slice is small."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.web import sliced_json
from ogpgraph.web.sliced_json import SLICE_VALUES, encode_sliced

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.integers(0, 4))
def test_slices_of_any_size_are_together_what_is_encoded_at_once(value: Any, slice_values: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliced_json, "SLICE_VALUES", slice_values)
        assert encode_sliced(value, lambda: None) == msgspec.json.encode(value)


@pytest.mark.parametrize(
    "value",
    [
        {"data": {"nodes": [{"code": "FR0001", "texts": ["a", "b"]} for _ in range(SLICE_VALUES)]}},
        {"data": [{"nodes": [{"code": "FR0001"} for _ in range(SLICE_VALUES)]}]},
        {str(number): {"code": "FR0001"} for number in range(3 * SLICE_VALUES)},
    ],
    ids=["a long list", "one object that has a long list", "a wide object"],
)
def test_a_large_value_is_checked_on_the_way(value: Any) -> None:
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1

    assert encode_sliced(value, check) == msgspec.json.encode(value)
    assert checks >= SLICE_VALUES


def test_a_check_stops_it() -> None:
    def check() -> None:
        raise TimeoutError

    assert encode_sliced({"data": msgspec.Raw(b"[1]"), "extensions": {}}, check) == b'{"data":[1],"extensions":{}}'
    with pytest.raises(TimeoutError):
        encode_sliced([[] for _ in range(2 * SLICE_VALUES)], check)
