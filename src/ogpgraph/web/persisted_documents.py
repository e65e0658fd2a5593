"""Persisted documents: those that the server knows by the hash of their text, which clients name by `documentId`.

Clients may also name any document by its hash, as the links of Apollo and urql for automatic persisted queries do.

The id of a document is `sha256:` and the SHA-256 of its file in `schema/documents`, in hex, as `sha256sum` prints it.
All documents by their ids are in `schema/documents.json`, which is part of the package. They are reviewed before they
are added, so they may cost more than other documents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_SUPPORTED_VERSION: Final = 1
_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")
_CHECKOUT_SCHEMA: Final = Path(__file__).parents[3] / "schema"


def document_id(text: str) -> str:
    """Return the id of a document."""
    return "sha256:" + sha256(text.encode()).hexdigest()


def load_persisted_documents() -> dict[str, str]:
    """Return id → document of those in the package, or in the checkout that the program runs from."""
    packaged = files("ogpgraph.web") / "documents.json"
    data = packaged.read_bytes() if packaged.is_file() else (_CHECKOUT_SCHEMA / "documents.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, str])


def read_documents(folder: Path) -> dict[str, str]:
    """Return id → document of the files in a folder, in the order of their names."""
    texts = (path.read_text("utf-8") for path in sorted(folder.glob("*.graphql")))
    return {document_id(text): text for text in texts}


def encode_documents(documents: Mapping[str, str]) -> bytes:
    """Return the content of `schema/documents.json`."""
    return msgspec.json.format(msgspec.json.encode(documents), indent=2) + b"\n"


def find_document(documents: Mapping[str, str], id_: str) -> str:
    """Return the document of an id.

    Raises:
        RequestRejected: 400, if the id is malformed or unknown.
    """
    if not _ID.fullmatch(id_):
        raise RequestRejected(
            RequestErrorCode.BAD_REQUEST, "`documentId` must be `sha256:` and 64 lower-case hexadecimal digits."
        )
    if id_ not in documents:
        message = f"There is no persisted document {id_}: send the document itself as `query`."
        raise RequestRejected(RequestErrorCode.UNKNOWN_DOCUMENT, message)
    return documents[id_]


class PersistedQuery(msgspec.Struct, frozen=True):
    """A document that a request names by its SHA-256, in hex, in `extensions.persistedQuery`.

    It is not supported if it is of another version, or malformed: clients send the document itself, then.
    """

    hash: str
    is_supported: bool

    @classmethod
    def requested_by(cls, extensions: Mapping[str, Any] | None) -> Self | None:
        """Return what the extensions of a request name, None if they name nothing."""
        if extensions is None or "persistedQuery" not in extensions:
            return None
        match extensions["persistedQuery"]:
            case {"version": int(version), "sha256Hash": str(hash_)} if not isinstance(version, bool):
                return cls(hash_, version == _SUPPORTED_VERSION and _HASH.fullmatch(hash_) is not None)
            case _:
                return cls("", is_supported=False)
