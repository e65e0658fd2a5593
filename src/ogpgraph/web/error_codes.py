"""The error codes of requests and streams, the close codes of WebSockets, and the register of all error codes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Self

from ogpgraph.domain.errors import RefusalCode
from ogpgraph.error_code import ErrorCode, Retry
from ogpgraph.graphql.errors import DocumentErrorCode, FieldErrorCode
from ogpgraph.readmodel.error_codes import ProjectionFailureCode, ReadErrorCode
from ogpgraph.storage.error_codes import StorageErrorCode


class RequestErrorCode(ErrorCode):
    """The codes of requests that are wrong or cannot be served. Nothing is executed, or not to its end."""

    GRAPHQL_PARSE_FAILED = (
        "GRAPHQL_PARSE_FAILED",
        400,
        "The document is not GraphQL; `locations` say where.",
        "Correct the syntax.",
    )
    GRAPHQL_VALIDATION_FAILED = (
        "GRAPHQL_VALIDATION_FAILED",
        400,
        "The document does not fit the schema: a field, argument, type or value does not exist or has the wrong type.",
        "Correct what `message` and `locations` name; the schema describes itself by introspection.",
    )
    OPERATION_RESOLUTION_FAILURE = (
        "OPERATION_RESOLUTION_FAILURE",
        400,
        "The document has no operation of this name, or several and no name was sent.",
        "Name one of its operations by `operationName`.",
    )
    BAD_USER_INPUT = (
        "BAD_USER_INPUT",
        400,
        "A variable is missing, or does not have the type that the document declares.",
        "Correct the variable that `message` names.",
    )
    BAD_REQUEST = (
        "BAD_REQUEST",
        400,
        "The request is malformed: its body, its URL, a parameter or a header.",
        "Correct what `message` names.",
    )
    BATCHING_NOT_SUPPORTED = (
        "BATCHING_NOT_SUPPORTED",
        400,
        "The body is a list of operations.",
        "Send one operation for each request; an operation may have many root fields.",
    )
    UNKNOWN_DOCUMENT = (
        "UNKNOWN_DOCUMENT",
        400,
        "There is no persisted document with this id.",
        "Send the document itself as `query`: see [Persisted documents](clients.md#persisted-documents).",
    )
    PERSISTED_QUERY_NOT_FOUND = (
        "PERSISTED_QUERY_NOT_FOUND",
        400,
        "No document with the hash in `extensions.persistedQuery` was executed lately by this process.",
        "Send the document with its hash, as the links of clients do by themselves.",
    )
    PERSISTED_QUERY_NOT_SUPPORTED = (
        "PERSISTED_QUERY_NOT_SUPPORTED",
        400,
        "`extensions.persistedQuery` is not of version 1, or has no SHA-256 in hex.",
        "Send the document itself, as the links of clients do by themselves.",
    )
    SUBSCRIPTION_NOT_SUPPORTED = (
        "SUBSCRIPTION_NOT_SUPPORTED",
        400,
        "A subscription was sent without accepting an event stream.",
        "Use one of the transports of [Live changes](live.md).",
    )
    ORIGIN_REFUSED = (
        "ORIGIN_REFUSED",
        403,
        "The request comes from a web page of an origin that may not use this server.",
        "Operators: list the origin in `OGPGRAPH_ORIGINS`.",
        Retry.OPERATOR,
    )
    HOST_REFUSED = (
        "HOST_REFUSED",
        421,
        "The server does not answer to the host that the request names: see [Hosts](production.md#hosts).",
        "Operators: list the name in `OGPGRAPH_HOSTS`.",
        Retry.OPERATOR,
    )
    METHOD_NOT_ALLOWED = (
        "METHOD_NOT_ALLOWED",
        405,
        "The path does not have this HTTP method, or a mutation was sent by `GET`.",
        "Use one of the methods that the header `Allow` names.",
    )
    NOT_ACCEPTABLE = (
        "NOT_ACCEPTABLE",
        406,
        "The header `Accept` allows none of the media types of responses.",
        "Accept `application/graphql-response+json` or `application/json`.",
    )
    REQUEST_TIMEOUT = (
        "REQUEST_TIMEOUT",
        408,
        "The body did not arrive in time.",
        "Send it again over a new connection.",
        Retry.LATER,
    )
    PAYLOAD_TOO_LARGE = (
        "PAYLOAD_TOO_LARGE",
        413,
        "The body is too large, or in too many chunks.",
        "Send less at a time.",
    )
    RESPONSE_TOO_LARGE = (
        "RESPONSE_TOO_LARGE",
        400,
        "The response would have more bytes than responses may: see [Cost](clients.md#cost).",
        "Ask for smaller pages by `first`, or for fewer texts and repetitions of them.",
    )
    URI_TOO_LONG = ("URI_TOO_LONG", 414, "The URL is too long.", "Send the operation by `POST`.")
    UNSUPPORTED_MEDIA_TYPE = (
        "UNSUPPORTED_MEDIA_TYPE",
        415,
        "The body is declared to be something else than JSON in UTF-8 without a content encoding.",
        "Send `Content-Type: application/json`.",
    )
    REQUEST_HEADER_FIELDS_TOO_LARGE = (
        "REQUEST_HEADER_FIELDS_TOO_LARGE",
        431,
        "The headers are too many or too large.",
        "Send fewer or shorter ones.",
    )
    BUDGET_EXHAUSTED = (
        "BUDGET_EXHAUSTED",
        429,
        "The address or the account has spent its budget for the moment: see [Cost](clients.md#cost).",
        "Wait as long as the header `Retry-After` says; resume a stream after the `cursor` in `extensions`.",
        Retry.LATER,
    )
    TOO_MANY_CONNECTIONS = (
        "TOO_MANY_CONNECTIONS",
        429,
        "The server, the address or the account has as many live connections as it may.",
        "Close some, or wait as long as the header `Retry-After` says.",
        Retry.LATER,
    )
    TOO_MANY_OPERATIONS = (
        "TOO_MANY_OPERATIONS",
        429,
        "The WebSocket has as many operations, or the connection as many unanswered requests, as it may.",
        "Complete some, or open another connection.",
        Retry.LATER,
    )
    TOO_SLOW = (
        "TOO_SLOW",
        200,
        "The server has ended a stream, because the client did not read it fast enough.",
        "Resume after the `cursor` in `extensions`.",
        Retry.LATER,
    )
    INTERNAL = (
        "INTERNAL",
        500,
        "A fault of the server. Its log has the details under `requestId`.",
        "Report it to the operator with `requestId`. Where it is the error of a field, the others are complete.",
        Retry.OPERATOR,
    )
    SIGN_IN_UNAVAILABLE = (
        "SIGN_IN_UNAVAILABLE",
        503,
        "The token cannot be checked, because the keys of its issuer are unavailable.",
        "Send it again, or without a token to read only.",
        Retry.LATER,
    )
    QUEUE_FULL = (
        "QUEUE_FULL",
        503,
        "The server is busy: as many operations of this client, or of all, wait, or as many bytes are held, as may be.",
        "Wait as long as the header `Retry-After` says, and send fewer at a time.",
        Retry.LATER,
    )
    POSITION_NOT_REACHED = (
        "POSITION_NOT_REACHED",
        503,
        "The position of `X-At-Least-Position` cannot be read yet.",
        "Wait as long as the header `Retry-After` says.",
        Retry.LATER,
    )
    DEADLINE_EXCEEDED = (
        "DEADLINE_EXCEEDED",
        504,
        "The operation took too long, or its client disconnected, and was stopped. A mutation is never stopped.",
        "Ask for less at a time; a busy server may answer it later.",
        Retry.LATER,
    )


class CloseCode(IntEnum):
    """The codes with which the server closes a WebSocket: those of `graphql-transport-ws`, and 1013 of RFC 6455.

    Attributes:
        meaning: What has happened, as a sentence in Markdown.
        remedy: What the client can do, as a sentence in Markdown.
        retry: Whether it helps to connect again in the same way.
    """

    meaning: str
    remedy: str
    retry: Retry

    def __new__(cls, number: int, meaning: str, remedy: str, retry: Retry = Retry.NO) -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        code.remedy = remedy
        code.retry = retry
        return code

    TRY_AGAIN_LATER = (
        1013,
        "The storage is not available, or the token cannot be checked, because the keys of its issuer are unavailable.",
        "Connect again in a few seconds.",
        Retry.LATER,
    )
    BAD_REQUEST = (4400, "A message breaks the protocol; the reason says how.", "Correct the client.")
    UNAUTHORIZED = (4401, "An operation was sent before `connection_ack`.", "Wait for `connection_ack`.")
    FORBIDDEN = (
        4403,
        "The token is not valid, or no longer: it is wrong, expired, revoked or meant for another service.",
        "Connect with a valid token, or without one to read only.",
    )
    SUBPROTOCOL_NOT_ACCEPTABLE = (
        4406,
        "The client does not offer the subprotocol `graphql-transport-ws`.",
        "Use a client of that protocol, such as npm `graphql-ws`.",
    )
    INIT_TIMEOUT = (
        4408,
        "The client did not send `connection_init` in time.",
        "Send it as soon as the connection is open.",
        Retry.LATER,
    )
    SUBSCRIBER_EXISTS = (
        4409,
        "The id of a new operation is that of one that is not complete.",
        "Choose a new id for each operation.",
    )
    TOO_MANY = (
        4429,
        (
            "The server, the address or the account has as many live connections as it may; or `connection_init` was "
            "sent twice."
        ),
        "Close some, or connect again later.",
        Retry.LATER,
    )


CODE_GROUPS: Final[Mapping[str, type[ErrorCode]]] = {
    "Requests and streams": RequestErrorCode,
    "Limits of documents": DocumentErrorCode,
    "Fields and their arguments": FieldErrorCode,
    "Positions and histories": ReadErrorCode,
    "Refused mutations": RefusalCode,
    "Storage": StorageErrorCode,
    "Entries that cannot be processed": ProjectionFailureCode,
}
"""The declarations of all layers, under the headings of `docs/errors.md`."""

ERROR_CODES: Final[Mapping[str, ErrorCode]] = {each.value: each for group in CODE_GROUPS.values() for each in group}
"""All error codes by their names, each of which is declared once."""
