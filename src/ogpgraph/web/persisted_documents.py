"""Trusted documents: those the server knows by the hash of their text, which clients may name instead of sending them.

The id of a document is `sha256:` and the SHA-256 of its file in `schema/documents`, in hex, as `sha256sum` says it. All
ids with their documents are in `schema/documents.json`, which comes with the package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from ogpgraph.web.errors import RequestRejected

_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")
_CHECKOUT: Final = Path(__file__).parents[3] / "schema"


def document_id(text: str) -> str:
    """Return the id of a document."""
    return "sha256:" + sha256(text.encode()).hexdigest()


def load_persisted_documents() -> dict[str, str]:
    """Return id → document of those that come with the package, or lie in the checkout that it is run from."""
    packed = files("ogpgraph.web") / "documents.json"
    data = packed.read_bytes() if packed.is_file() else (_CHECKOUT / "documents.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, str])


def read_documents(folder: Path) -> dict[str, str]:
    """Return id → document of the files in a folder, by the names of the files."""
    texts = (path.read_text("utf-8") for path in sorted(folder.glob("*.graphql")))
    return {document_id(text): text for text in texts}


def encode_documents(documents: Mapping[str, str]) -> bytes:
    """Return documents as `schema/documents.json` holds them."""
    return msgspec.json.format(msgspec.json.encode(documents), indent=2) + b"\n"


def find_document(documents: Mapping[str, str], wanted: str) -> str:
    """Return the document of an id.

    Raises:
        RequestRejected: 400, where it is no id, or the server knows no such document.
    """
    if not _ID.fullmatch(wanted):
        raise RequestRejected(
            400, "`documentId` must be `sha256:` and 64 lower-case hexadecimal digits.", code="BAD_REQUEST"
        )
    if wanted not in documents:
        message = f"There is no trusted document {wanted}: send the document itself as `query`."
        raise RequestRejected(400, message, code="UNKNOWN_DOCUMENT")
    return documents[wanted]
