"""The stored form of a payload: deflate (RFC 1951, without a header) with the dictionary `payload_dictionary.txt`.

The dictionary is part of the log's format: with another one no payload could be read any more. It holds what payloads
have in common, so that short ones become small, too: the keys of the envelope, the values of enumerations, paths, and
the columns of OGP's database. A leaf hash covers the payload itself, so its compressed form may differ from one version
of zlib to another.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files
from typing import Any

MAX_PAYLOAD_BYTES = 16 * 2**20
"""No payload is longer, so that a damaged or malicious row cannot fill the memory."""
_LEVEL = 6
_WINDOW_BITS = -15
"""The largest window; negative: without header and checksum, because the leaf hash covers the payload."""
_MEMORY_LEVEL = 9


class DamagedPayload(ValueError):
    """Stored bytes are not the compressed form of a payload."""


def compress_payload(payload: bytes) -> bytes:
    """Return the stored form of a payload; raises ValueError where it is longer than a payload may be."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(payload)} bytes is longer than {MAX_PAYLOAD_BYTES}")
    compressor = _compressor().copy()
    return bytes(compressor.compress(payload) + compressor.flush())


def decompress_payload(stored: bytes) -> bytes:
    """Return the payload of its stored form; raises DamagedPayload."""
    decompressor = zlib.decompressobj(_WINDOW_BITS, _dictionary())
    try:
        payload = decompressor.decompress(stored, MAX_PAYLOAD_BYTES)
    except zlib.error as error:
        raise DamagedPayload(str(error)) from error
    if not decompressor.eof or decompressor.unused_data:
        raise DamagedPayload("the compressed payload is cut off, continues after its end, or is too long")
    return payload


@cache
def _dictionary() -> bytes:
    return files("ogpgraph.storage").joinpath("payload_dictionary.txt").read_bytes()


@cache
def _compressor() -> Any:  # the class of compressors has no public name
    """Return a compressor that has read the dictionary, to be copied: reading it takes longer than most payloads."""
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, _dictionary())
