"""One run of a compiled operation, and what its parts need of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ogpgraph.readmodel.kept_responses import Reads

if TYPE_CHECKING:
    from ogpgraph.readmodel.fragment_cache import FragmentTable
    from ogpgraph.readmodel.snapshot import RecordReader

encode: Final = msgspec.json.Encoder().encode
"""Returns a value as the responses have it."""
Json = bytes | list[Any]
"""JSON, or lists of its parts, nested as they were written. They are joined once: copying a large response takes
longer than finding it."""


def join_items(parts: Sequence[Json]) -> Json:
    """Return the items of a list or the members of an object, with commas between them."""
    if all(type(each) is bytes for each in parts):
        return b",".join(parts)  # type: ignore[arg-type]  # all are bytes
    separated: list[Json] = [b","] * (2 * len(parts) - 1)
    separated[::2] = parts
    return separated


def join(json: Json) -> bytes:
    """Return JSON in one piece."""
    if isinstance(json, bytes):
        return json
    parts: list[bytes] = []
    _collect(json, parts)
    return b"".join(parts)


def _collect(json: list[Any], parts: list[bytes]) -> None:
    for each in json:
        if type(each) is bytes:
            parts.append(each)
        else:
            _collect(each, parts)


class Run:
    """What the functions of an operation need besides the objects; resolvers get it as `info`.

    `check_deadline` is called for each object that is made, and may raise what stops the operation. `count_objects` is
    told how many objects the response got without one being made, and may raise, too. `objects` and `characters` are
    the numbers of all these objects, and of the characters of texts that were read. `reads` is what those parts of the
    operation note that follow what they read.
    """

    __slots__ = (
        "_count_objects",
        "_counted",
        "arguments",
        "characters",
        "check_deadline",
        "context",
        "objects",
        "reads",
        "tables",
        "variables",
    )

    def __init__(
        self,
        context: object,
        check_deadline: Callable[[], None],
        count_objects: Callable[[int], None],
        arguments: Sequence[dict[str, Any]],
        variables: Mapping[str, Any],
        reads: Reads,
    ) -> None:
        self.context = context
        self.arguments = arguments
        self.variables = variables
        self.reads = reads
        self.objects = self.characters = 0
        self.tables: dict[int, FragmentTable] = {}
        self.check_deadline = check_deadline
        self._count_objects = count_objects
        self._counted: RecordReader | None = None

    def check(self) -> None:
        """Count an object; raises what stops the operation."""
        self.objects += 1
        self.check_deadline()

    def count_objects(self, number: int) -> None:
        """Count objects that were not made; raises what stops the operation."""
        self.objects += number
        self._count_objects(number)

    @contextmanager
    def counting_characters(self, session: RecordReader) -> Iterator[None]:
        """Count the characters of the texts that are read in a session, which counts them, too.

        A mutation reads its payload in another session than the one that it began with.
        """
        if session is self._counted:
            yield
            return
        forward, former = session.count_characters, self._counted

        def count_both(number: int) -> None:
            self.characters += number
            forward(number)

        session.count_characters, self._counted = count_both, session
        try:
            yield
        finally:
            session.count_characters, self._counted = forward, former
