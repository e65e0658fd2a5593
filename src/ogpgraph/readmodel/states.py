"""States of aggregates as the rows of `version` hold them: what each event changed, and from time to time the whole.

A row holds the delta of its event. A row with a key frame holds the whole state, too. The state at a position is that
of the last frame at or before it, with the deltas after it applied; a stream begins with an empty state. The rows that
a state is made of are its chain, and each row of a chain has the position of the first.

Claims of one event share where and when they were stated. This context is stored once, and decoded claims share it.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, structs

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.delta import Delta, SequenceChanges, apply_claims, apply_delta, exchange_claims
from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import Value
from ogpgraph.storage.byte_cache import ByteCache
from ogpgraph.storage.database import Row

MAX_STATE_BYTES = 320 * 2**20
_BYTES_PER_STATE = 700
_BYTES_PER_PATH = 400
"""Measured: a path with a claim or two, its value, and its place among the current claims."""
_LEVEL = 4
"""Measured: level 6 saves four percent of the room and takes a quarter more time."""
_WINDOW_BITS = -15
"""The largest window; negative: without header and checksum, because a row is derived and can be rebuilt."""
_COMPRESSION_WINDOW_BITS = -14
_MEMORY_LEVEL = 6
"""Measured: with more of both rows are no smaller, and copying the compressor takes twice as long."""

StoredClaim = tuple[Value | None, int]
"""The value of a claim, and the number of its context."""
StoredClaims = tuple[StoredClaim, ...]


Context = tuple[Origin, str | None, str | None, datetime | None, datetime, int]
"""All of a claim but its value, in the order of its fields."""


class StoredState(Struct, frozen=True, array_like=True):
    """The claims of a state."""

    revision: int
    contexts: list[Context]
    claims: dict[str, StoredClaims]


class StoredDelta(Struct, frozen=True, array_like=True, omit_defaults=True):
    """The changed claims of a delta, before and after."""

    revision: int
    contexts: list[Context]
    claims: dict[str, tuple[StoredClaims, StoredClaims]]
    superseded: dict[str, tuple[Value | None, Value | None]] = {}

    def list_changed_values(self) -> list[tuple[str, Value | None, Value | None]] | None:
        """Return each path with its current values before and after, in the order of the delta.

        None where it has anything but one claim at each path that gave way to another one, which nearly all have.
        """
        if self.superseded or any(origin is Origin.NARRATIVE for origin, *_ in self.contexts):
            return None
        found = []
        for path, (before, after) in self.claims.items():
            if len(before) > 1 or len(after) > 1:
                return None
            old, new = before[0][0] if before else None, after[0][0] if after else None
            if old == new:
                return None
            found.append((path, old, new))
        return found

    def to_delta(self) -> Delta:
        """Return the delta, with what readers need of it."""
        claims = {
            path: (_load_claims(before, self.contexts), _load_claims(after, self.contexts))
            for path, (before, after) in self.claims.items()
        }
        return Delta(self.revision, claims, superseded=self.superseded)


class StoredChange(Struct, frozen=True, array_like=True, gc=False):
    """A delta as it is applied: its claims before it are decoded only where others may stay beside those after it."""

    revision: int
    contexts: list[Context]
    claims: dict[str, tuple[msgspec.Raw, StoredClaims]]


_NO_CLAIMS = b"[]"
_encoder = msgspec.json.Encoder()
_state_decoder = msgspec.json.Decoder(StoredState)
_delta_decoder = msgspec.json.Decoder(StoredDelta)
_change_decoder = msgspec.json.Decoder(StoredChange)
_claims_decoder = msgspec.json.Decoder(StoredClaims)
_fold_decoder = msgspec.json.Decoder(Delta)


# Encoding


def encode_state(aggregate: Aggregate) -> bytes:
    """Return the revision and the claims of a state; equal ones give equal bytes."""
    contexts = _ContextNumbers()
    claims = {path: _store_claims(aggregate.claims[path], contexts) for path in sorted(aggregate.claims)}
    return _encoder.encode(StoredState(aggregate.revision, list(contexts), claims))


def decode_state(stream: str, data: bytes) -> Aggregate:
    """Return the encoded state of a stream, with what readers need of it."""
    stored = _state_decoder.decode(data)
    contexts = stored.contexts
    claims = {path: _load_claims(claims, contexts) for path, claims in stored.claims.items()}
    return Aggregate(stream, stored.revision, claims)


def encode_delta(delta: Delta) -> bytes:
    """Return the changed claims of a delta in their order, which the changes of its entry have, too."""
    contexts = _ContextNumbers()
    claims = {
        path: (_store_claims(before, contexts), _store_claims(after, contexts))
        for path, (before, after) in delta.claims.items()
    }
    return _encoder.encode(StoredDelta(delta.revision, list(contexts), claims, delta.superseded))


def decode_stored_delta(data: bytes) -> StoredDelta:
    """Return a delta as a row holds it, once it is decompressed."""
    return _delta_decoder.decode(data)


def decode_delta(data: bytes) -> Delta:
    """Return an encoded delta, with what readers need of it."""
    return decode_stored_delta(data).to_delta()


def encode_fold(delta: Delta) -> bytes | None:
    """Return all of a delta but the claims, which only the fold of later events needs; None where there is nothing."""
    if not (delta.sequences or delta.withdrawn or delta.amended):
        return None
    return _encoder.encode(structs.replace(delta, claims={}, superseded={}))


def encode_whole_fold(aggregate: Aggregate) -> bytes | None:
    """Return what the fold needs of a state besides the claims, as the delta that makes it from an empty state."""
    sequences: SequenceChanges = {
        path: {key: ((), refs) for key, refs in sorted(by_key.items())}
        for path, by_key in sorted(aggregate.sequences.items())
    }
    return encode_fold(Delta(aggregate.revision, {}, sequences, aggregate.withdrawn, aggregate.amended))


def restore_fold(aggregate: Aggregate, encoded: Iterable[bytes]) -> Aggregate:
    """Return a state as readers have it with what the fold needs, from the encoded parts of the rows of its chain."""
    fold = Aggregate(aggregate.id)
    for data in encoded:
        fold = apply_delta(fold, _fold_decoder.decode(data))
    return structs.replace(fold, revision=aggregate.revision, claims=aggregate.claims)


def restore_folds(states: Iterable[Aggregate], rows: Iterable[Row]) -> list[Aggregate]:
    """Return states as readers have them with what the fold needs, from the rows of their chains."""
    encoded: dict[str, list[bytes]] = defaultdict(list)
    for row in sorted((row for row in rows if row["fold"] is not None), key=_position_of):
        encoded[row["id"]].append(decompress(row["fold"]))
    return [restore_fold(state, encoded[state.id]) if state.id in encoded else state for state in states]


def compress(data: bytes) -> bytes:
    """Return an encoded state or delta as a row holds it."""
    compressor = _compressor().copy()
    return bytes(compressor.compress(data) + compressor.flush())


def decompress(data: bytes) -> bytes:
    """Return the encoded state or delta that a row holds."""
    return zlib.decompressobj(_WINDOW_BITS, _dictionary()).decompress(data)


@cache
def _dictionary() -> bytes:
    """Return what encoded states often contain, the most frequent at the end. With another one no row can be read."""
    return files("ogpgraph.readmodel").joinpath("states_dictionary.txt").read_bytes()


@cache
def _compressor() -> Any:  # the class of compressors has no public name
    """Return a compressor that has read the dictionary, to be copied: reading it takes longer than most deltas."""
    window_bits, strategy = _COMPRESSION_WINDOW_BITS, zlib.Z_DEFAULT_STRATEGY
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, window_bits, _MEMORY_LEVEL, strategy, _dictionary())


class _ContextNumbers(dict[Context, int]):
    """The numbers of contexts, in the order of their first use."""

    def __missing__(self, context: Context) -> int:
        number = self[context] = len(self)
        return number


def _store_claims(claims: Sequence[Claim], numbers: _ContextNumbers) -> StoredClaims:
    if len(claims) == 1:  # nearly always
        (claim,) = claims
        return ((claim.value, numbers[structs.astuple(claim)[1:]]),)
    return tuple([(claim.value, numbers[structs.astuple(claim)[1:]]) for claim in claims])


def _load_claims(claims: StoredClaims, contexts: Sequence[Context]) -> tuple[Claim, ...]:
    return tuple([Claim(value, *contexts[number]) for value, number in claims])


# Frames


class Chain(NamedTuple):
    """The chain that a stream's last state is made of: where it begins, and how long its parts are uncompressed.

    `first_length` is the length of the frame, or of the delta that the stream begins with; `length` that of all deltas
    after it. Lengths before compression, so that the rows do not depend on the implementation of zlib.
    """

    position: int = 0
    first_length: int = 0
    length: int = 0

    def is_frame_due(self, added: int) -> bool:
        """Return whether the whole state is to be encoded, as a delta of a length is added.

        It is when the deltas have become as long as the first part, then twice as long, four times, and so on. So the
        work for one event does not depend on the length of the state, on average.
        """
        before, after = self.length // self.first_length, (self.length + added) // self.first_length
        return after.bit_length() > before.bit_length()


class VersionContent(NamedTuple):
    """What the row of a version holds: where its chain begins, its delta, and its frame if it has one."""

    chain_position: int
    delta: bytes
    frame: bytes | None
    fold: bytes | None


def extend_chain(chain: Chain, position: int, delta: Delta, after: Aggregate) -> tuple[Chain, VersionContent]:
    """Return the chain after one more event, and what the row of its version holds.

    The row holds a frame where the deltas since the last one, or since the stream began, are longer than the state.
    """
    encoded, rest = encode_delta(delta), encode_fold(delta)
    content = VersionContent(chain.position or position, compress(encoded), None, compress(rest) if rest else None)
    if not chain.position:
        return Chain(position, len(encoded)), content
    if chain.is_frame_due(len(encoded)) and len(frame := encode_state(after)) < chain.length + len(encoded):
        whole = encode_whole_fold(after)
        frame_content = content._replace(
            chain_position=position, frame=compress(frame), fold=compress(whole) if whole else None
        )
        return Chain(position, len(frame)), frame_content
    return chain._replace(length=chain.length + len(encoded)), content


def restore_chain(rows: Sequence[Row]) -> Chain:
    """Return the chain whose rows these are, in their order."""
    first, *others = rows
    encoded = first["delta"] if first["frame"] is None else first["frame"]
    length = sum(len(decompress(row["delta"])) for row in others)
    return Chain(first["position"], len(decompress(encoded)), length)


# Decoding


def size_of_state(state: Aggregate) -> int:
    """Return about how many bytes a state takes in memory, with what is derived from it for readers."""
    return _BYTES_PER_STATE + _BYTES_PER_PATH * len(state.claims)


class StateCache(ByteCache[tuple[str, int], Aggregate]):
    """Decoded states by id and the position since which they are so, those used most recently."""

    def __init__(self, max_bytes: int = MAX_STATE_BYTES) -> None:
        super().__init__(max_bytes, size_of_state)

    def decode(self, rows: Iterable[Row], requested: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Row, Aggregate]]:
        """Yield the states of ids at positions (position, id), each with the position and the last row of its chain.

        The rows are those of all the chains, each row once; an id without rows has no state. What several chains have
        in common is decoded once.
        """
        by_stream = group_chains(rows)
        for at, stream in sorted(requested):
            chain = by_stream.get(stream, [])
            number = bisect_right(chain, at, key=_position_of) - 1
            if number >= 0:
                yield at, chain[number], self._decode(stream, chain, number)

    def _decode(self, stream: str, chain: Sequence[Row], number: int) -> Aggregate:
        first = number
        while (state := self.peek((stream, chain[first]["position"]))) is None and not is_first_of_chain(chain[first]):
            first -= 1
        if state is None:
            state = decode_chain(stream, chain[first : number + 1])
        else:
            deltas = [decode_delta(decompress(row["delta"])) for row in chain[first + 1 : number + 1]]
            state = apply_claims(state, deltas)
        self.add({(stream, chain[number]["position"]): state})
        return state


def group_chains(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return id → rows of `version`, in the order of their positions."""
    by_stream: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=_position_of):
        by_stream[row["id"]].append(row)
    return by_stream


def is_first_of_chain(row: Row) -> bool:
    """Return whether a chain begins with a row of `version`."""
    return bool(row["chain"] == row["position"])


def decode_chain(stream: str, rows: Sequence[Row]) -> Aggregate:
    """Return the state that the rows of a chain make, in their order."""
    first, *others = rows
    if first["frame"] is None:
        revision, claims, others = 0, dict[str, tuple[Claim, ...]](), list(rows)
    else:
        frame = decode_state(stream, decompress(first["frame"]))
        revision, claims = frame.revision, frame.claims
    for row in others:
        revision = _apply_change(claims, decompress(row["delta"]))
    return Aggregate(stream, revision, claims)


def _apply_change(claims: dict[str, tuple[Claim, ...]], data: bytes) -> int:
    """Apply an encoded delta to the claims of a state that nobody else has; returns the revision after it."""
    stored = _change_decoder.decode(data)
    contexts = stored.contexts
    for path, (before, after) in stored.claims.items():
        loaded, known = _load_claims(after, contexts), claims.get(path)
        if known is not None and (len(known) > 1 or bytes(before) == _NO_CLAIMS):  # otherwise all it has is replaced
            replaced = _load_claims(_claims_decoder.decode(before), contexts)
            loaded = exchange_claims(known, replaced, loaded)
        if loaded:
            claims[path] = loaded
        else:
            claims.pop(path, None)
    return stored.revision


def _position_of(row: Row) -> Any:
    return row["position"]
