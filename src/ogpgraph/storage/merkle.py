"""The hash tree of RFC 6962 over the log: the hash of a leaf, and the root after every leaf.

`Frontier` holds only the roots of the complete subtrees, one for each bit of the size. So appending a leaf costs
O(log n) hashes, and the state fits in a row of a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ogpgraph.lazy import cached_property

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962 section 2.1): SHA-256 of 0x00 and the data."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962 section 2.1): SHA-256 of 0x01 and the hashes of both children."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """The roots of the complete subtrees of a tree of `size` leaves, the largest subtree first."""

    size: int = 0
    subtrees: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """Return the frontier of the tree with one more leaf hash."""
        subtrees = list(self.subtrees)
        _push(subtrees, self.size, leaf)
        return Frontier(self.size + 1, tuple(subtrees))

    def extend(self, leaves: Iterable[bytes]) -> tuple[Frontier, list[bytes]]:
        """Return the frontier of the tree with more leaf hashes, and the root after each of them."""
        subtrees, size, roots = list(self.subtrees), self.size, list[bytes]()
        for leaf in leaves:
            _push(subtrees, size, leaf)
            size += 1
            roots.append(_fold(subtrees))
        return Frontier(size, tuple(subtrees)), roots

    def root(self) -> bytes:
        """Return the root: RFC 6962's MTH of all leaves."""
        return self._root

    @cached_property
    def _root(self) -> bytes:
        return _fold(self.subtrees) if self.subtrees else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """Return the roots of the subtrees one after the other, 32 bytes each."""
        return b"".join(self.subtrees)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Return the frontier that `to_bytes` wrote; raises ValueError where the length does not match the size."""
        if len(data) != HASH_BYTES * size.bit_count():
            raise ValueError(f"a frontier of {size} leaves is not {len(data)} bytes long")
        return cls(size, tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)))


def _push(subtrees: list[bytes], size: int, leaf: bytes) -> None:
    """Add a leaf hash to the complete subtrees of a tree of `size` leaves."""
    # Each set bit at the low end of the size is a complete subtree as large as the one to its right.
    while size & 1:
        leaf, size = node_hash(subtrees.pop(), leaf), size >> 1
    subtrees.append(leaf)


def _fold(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, the largest first, of which there is at least one."""
    root = subtrees[-1]
    for left in subtrees[-2::-1]:
        root = node_hash(left, root)
    return root
