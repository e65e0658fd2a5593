"""The form in which error codes are declared: each layer declares its own, once, with all that is known of a code.

`web/error_codes.py` collects the declarations of all layers; `docs/errors.md` is generated from them.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Self


class Retry(Enum):
    """Whether it helps to send the same request again."""

    NO = "no"
    LATER = "later"
    OPERATOR = "once an operator has acted"


class ErrorCode(StrEnum):
    """The base of all error codes, which are equal to their names. A layer declares its codes as a subclass.

    Attributes:
        status: The HTTP status of a response whose only content is this error.
        meaning: What has happened, as a sentence in Markdown.
        remedy: What the client, or an operator, can do, as a sentence in Markdown.
        retry: Whether it helps to send the same request again.
    """

    status: int
    meaning: str
    remedy: str
    retry: Retry

    def __new__(cls, name: str, status: int, meaning: str, remedy: str, retry: Retry = Retry.NO) -> Self:
        code = str.__new__(cls, name)
        code._value_ = name
        code.status = status
        code.meaning = meaning
        code.remedy = remedy
        code.retry = retry
        return code
