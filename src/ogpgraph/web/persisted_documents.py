"""Persisted documents: those that the server knows by the hash of their text, which clients name by `documentId`.

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
from typing import Final

import msgspec

from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected

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
