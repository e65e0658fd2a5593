"""JSON of large values in slices: the encoder by itself stops the process until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

SLICE_VALUES: Final = 10_000
"""At most so many values are encoded at once, which takes about a millisecond."""

_encode: Final = msgspec.json.encode


def encode_sliced(value: object, check: Callable[[], None]) -> bytes:
    """Return the JSON that `msgspec.json.encode` gives; `check` is called between the slices of a large value.

    Raises what `check` raises.
    """
    if _is_small(value):
        return _encode(value)
    pieces: list[bytes] = []
    _add(value, pieces, check)
    return b"".join(pieces)


def _add(value: object, pieces: list[bytes], check: Callable[[], None]) -> None:
    check()
    if _is_small(value):
        pieces.append(_encode(value))
    elif isinstance(value, dict):
        for number, (key, each) in enumerate(value.items()):
            pieces += (b"," if number else b"{", _encode(key), b":")
            _add(each, pieces, check)
        pieces.append(b"}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            pieces.append(b"," if number else b"[")
            _add(each, pieces, check)
        pieces.append(b"]")


def _is_small(value: object) -> bool:
    """Return whether a value has few others in it; no more of them are looked at than a slice has."""
    pending, left = [value], SLICE_VALUES
    while pending:
        each = pending.pop()
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        left -= len(inner)
        if left < 0:
            return False
        pending.extend(inner)
    return True
