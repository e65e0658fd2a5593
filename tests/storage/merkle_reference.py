"""The root of a tree as RFC 6962 defines it, to check our own against."""

from __future__ import annotations

from hashlib import sha256

from ogpgraph.storage.merkle import node_hash


def merkle_tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(merkle_tree_hash(leaves[:k]), merkle_tree_hash(leaves[k:]))
