"""Sets of slots as integers: the bit at a slot is set where the set has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK_BITS: Final = 13
"""Sets are united in blocks of 2 ** 13 slots, so that a set of few slots costs the same wherever they are."""
_BLOCK_MASK: Final = (1 << _BLOCK_BITS) - 1
_SPARSE_RATIO: Final = 12
"""Of fewer set bits than one in so many, each is looked for; otherwise all are gone through, which is faster then."""
_DENSE_RATIO: Final = 50
"""Of more slots than one in so many, writing a digit each and parsing all is faster than setting bits."""
_MAX_WINDOW_BITS: Final = 2_000
"""Up to this length, cutting out the part of a bitset that a posting covers is faster than shifting the whole."""
_ONE: Final = ord("1")
_DIGITS_TO_BITS: Final = bytes.maketrans(b"01", b"\0\1")


class Posting(NamedTuple):
    """The slots that have a value: bits from the slot `offset` on, so that the value of few takes little memory."""

    offset: int = 0
    bits: int = 0

    @classmethod
    def of(cls, slots: Collection[int]) -> Posting:
        """Return the posting of some slots, of which there is at least one."""
        if len(slots) == 1:
            return cls(next(iter(slots)), 1)
        offset = min(slots)
        return cls(offset, to_bitset(slots, offset))

    @classmethod
    def of_array(cls, slots: NDArray[np.int32]) -> Posting:
        """Return the posting of some slots, of which there is at least one: of many faster than `of`."""
        offset = int(slots.min())
        bits = np.zeros(int(slots.max()) - offset + 1, dtype=np.bool_)
        bits[slots - offset] = True
        return cls(offset, int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little"))

    def mask(self) -> int:
        """Return the bitset of the slots."""
        return self.bits << self.offset

    def count(self, mask: int) -> int:
        """Return how many of the slots are in a bitset."""
        return (mask >> self.offset & self.bits).bit_count()

    def has_any(self, mask: int) -> bool:
        """Return whether one of the slots is in a bitset."""
        return bool(mask >> self.offset & self.bits)

    def update(self, removed: Collection[int], added: Collection[int]) -> Posting:
        """Return the posting without some slots and with others."""
        mask = self.mask() & ~to_bitset(removed) | to_bitset(added)
        offset = (mask & -mask).bit_length() - 1 if mask else 0
        return Posting(offset, mask >> offset)


EMPTY_POSTING: Final = Posting()


def unite(postings: Iterable[Posting]) -> int:
    """Return the bitset of the slots that any of some postings has, in time linear in their lengths."""
    blocks: defaultdict[int, int] = defaultdict(int)
    for offset, bits in postings:
        blocks[offset >> _BLOCK_BITS] |= bits << (offset & _BLOCK_MASK)
    mask = 0
    for block, bits in blocks.items():
        mask |= bits << (block << _BLOCK_BITS)
    return mask


def iter_slots(mask: int) -> Iterator[int]:
    """Return the slots in a bitset, lowest first."""
    if not mask:
        return iter(())
    digits = bin(mask)[:1:-1]  # without the prefix 0b, and the lowest bit first
    if mask.bit_count() * _SPARSE_RATIO < len(digits):
        return _iter_ones(digits)
    return compress(range(len(digits)), digits.encode().translate(_DIGITS_TO_BITS))


def _iter_ones(digits: str) -> Iterator[int]:
    slot = digits.find("1")
    while slot >= 0:
        yield slot
        slot = digits.find("1", slot + 1)


def to_bitset(slots: Collection[int], offset: int = 0) -> int:
    """Return the bitset of some slots, from an offset on that none is below.

    It takes time linear in its length: setting bits one by one would be quadratic.
    """
    if not slots:
        return 0
    if len(slots) == 1:
        return 1 << next(iter(slots)) - offset
    length = max(slots) + 1 - offset
    if len(slots) * _DENSE_RATIO > length:
        digits = bytearray(b"0") * length
        for slot in slots:
            digits[slot - offset] = _ONE
        digits.reverse()
        return int(digits, 2)
    data = bytearray(length // 8 + 1)
    for slot in slots:
        place = slot - offset
        data[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(data, "little")


class BitReader:
    """A bitset that many postings are compared with, in time linear in the length of each posting."""

    def __init__(self, mask: int, length: int) -> None:
        """Take a bitset and one more than the highest slot of any posting."""
        self._mask = mask
        self._bytes = mask.to_bytes(max(length, mask.bit_length()) // 8 + 1, "little")

    def count(self, posting: Posting) -> int:
        """Return how many slots of a posting are in the bitset."""
        offset, bits = posting
        first = offset >> 3
        if bits == 1:
            return self._bytes[first] >> (offset & 7) & 1
        if bits.bit_length() > _MAX_WINDOW_BITS:
            return (self._mask >> offset & bits).bit_count()
        window = self._bytes[first : (offset + bits.bit_length() >> 3) + 1]
        return (int.from_bytes(window, "little") >> (offset & 7) & bits).bit_count()
