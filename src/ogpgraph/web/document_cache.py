"""Documents that were parsed and validated once and are cached, with the costs of their operations.

Validation happens here and nowhere else: the executor is only given documents from this cache. Large documents are
rejected by their length, their tokens and their cost before validation, whose time grows faster than the document.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from hashlib import sha256
from threading import Lock
from typing import Any, Final

import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
)

from ogpgraph.error_code import ErrorCode
from ogpgraph.graphql.argument_cost import Tally, VariableUse
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.deprecation import Deprecation, find_in_document, find_in_variables
from ogpgraph.graphql.document_validation import validate_document
from ogpgraph.graphql.errors import LimitExceeded
from ogpgraph.graphql.input_errors import show_value
from ogpgraph.graphql.query_cost import measure_document
from ogpgraph.graphql.query_limits import QueryLimits, check_length
from ogpgraph.graphql.volatile_fields import READS_HEAD, VOLATILE, Mark, marked_fields, selects_field
from ogpgraph.graphql.weights import NO_COST, OperationCost
from ogpgraph.web.deadline import Deadline, endless_deadline
from ogpgraph.web.error_codes import RequestErrorCode

CHARACTERS_PER_FIELD: Final = 3
"""A compiled field takes 600 to 1,200 bytes (measured)."""
MAX_DISABLED: Final = 100
"""Once so many documents must not be compiled, no new one is."""
_MAX_CACHED_COSTS: Final = 50
"""So many costs of an operation are kept, for different variables."""
_MAX_FAILURES: Final = 6


class RequestErrors(Exception):
    """The document, the choice of its operation or the variables are wrong, so nothing was executed: a request error.

    `cost` is the cost of the operation, 0 if it could not be measured.
    """

    def __init__(self, errors: Sequence[GraphQLError], *, code: ErrorCode, cost: int = 0) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.code = code
        self.cost = cost


class DocumentLimits(msgspec.Struct, frozen=True):
    """The limits of one document, how many of its errors are reported, the size of the cache, and what it has.

    A parsed document takes 100 to 400 bytes a character (measured), so the default cache has 100 MB at the very worst,
    and a thousand ordinary documents in 30 MB. Where documents `are_compiled`, the functions of their operations are
    kept with them: a field of a function counts as `CHARACTERS_PER_FIELD`.
    """

    query: QueryLimits = QueryLimits()
    max_errors: int = 25
    cached_characters: int = 250_000
    are_compiled: bool = True


class CostMemory(msgspec.Struct, frozen=True):
    """The costs of one operation: by what its variables say in all the places that they are used in.

    That is a page size, or the weight of a value; values of equal weights have equal costs.
    """

    uses: tuple[VariableUse, ...]
    costs: dict[tuple[Hashable, ...], OperationCost] = {}

    def find(self, key: tuple[Hashable, ...]) -> OperationCost | None:
        """Return the cost for what `read` returned, if it was measured."""
        return self.costs.get(key)

    def read(self, variables: Mapping[str, Any]) -> tuple[Hashable, ...]:
        """Return what the cost depends on; raises LimitExceeded for values that are too large."""
        tally = Tally()
        return tuple(use.read(variables, tally) for use in self.uses)

    def add(self, key: tuple[Hashable, ...], cost: OperationCost) -> None:
        """Remember a cost, and forget all others if there are too many."""
        if len(self.costs) >= _MAX_CACHED_COSTS:
            self.costs.clear()
        self.costs[key] = cost


class Backoff(msgspec.Struct):
    """How long something that failed is not tried again: not at all the first time, then each time twice as long."""

    skipped: int = 0
    failures: int = 0

    def may_try(self) -> bool:
        """Return whether to try it now."""
        if not self.skipped:
            return True
        self.skipped -= 1
        return False

    def note(self, *, succeeded: bool) -> None:
        """Note how it went."""
        self.failures = 0 if succeeded else min(self.failures + 1, _MAX_FAILURES)
        self.skipped = 0 if succeeded else (1 << self.failures) - 2


class ValidatedDocument(msgspec.Struct, frozen=True, weakref=True):
    """A valid document within the limits, with what has been computed of its operations so far, by their names.

    `known` are prepared operations by the requests that ask for them (see `known_operations`), `backoff` is that with
    their execution on the event loop.
    """

    ast: DocumentNode
    costs: dict[str | None, CostMemory] = {}
    selected_marks: dict[tuple[str | None, ...], bool] = {}
    deprecations: dict[str | None, tuple[Deprecation, ...]] = {}
    known: dict[tuple[str, bytes], Any] = {}
    backoff: Backoff = msgspec.field(default_factory=Backoff)
    compiled: CompiledOperations | None = None

    @property
    def compiled_fields(self) -> int:
        """Return the number of fields of the compiled functions."""
        return self.compiled.fields if self.compiled else 0

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation of that name, or the only one if there is no name; None if there is none."""
        return get_operation_ast(self.ast, name)


class PreparedOperation(msgspec.Struct, frozen=True):
    """One operation of a valid document, and its cost with the variables of one request.

    That of a subscription is the cost of its beginning and of an entry: `costs.of_entry` is that of each entry alone.
    """

    document: ValidatedDocument
    operation: OperationDefinitionNode
    costs: OperationCost

    @property
    def cost(self) -> int:
        """The greatest possible cost of the operation."""
        return self.costs.total


class DocumentCache:
    """Validated documents by their text, the least recently used of which are dropped.

    Several threads may use it at once; two that prepare the same document at the same time do the work twice.
    """

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema = schema
        self._limits = limits
        self._cache = _LruCache(limits.cached_characters)
        self._disabled: set[str] = set()

    def get(self, text: str) -> ValidatedDocument | None:
        """Return the document, if it is cached."""
        return self._cache.get(text)

    def find_by_hash(self, hash_: str) -> str | None:
        """Return the text of a cached document by its SHA-256, in hex."""
        return self._cache.find_by_hash(hash_)

    def find_kind(self, text: str, name: str | None) -> OperationType | None:
        """Return the kind of the operation of that name, or of the only one; None if there is no such operation.

        Raises:
            RequestErrors: if the document cannot be parsed.
        """
        cached = self._cache.get(text)
        operation = get_operation_ast(cached.ast if cached else self._parse(text), name)
        return operation.operation if operation else None

    def prepare(
        self,
        text: str,
        name: str | None = None,
        variables: Mapping[str, Any] | None = None,
        *,
        max_cost: int | None = None,
        deadline: Deadline | None = None,
    ) -> PreparedOperation:
        """Return the operation of that name, or the only one, of a document, parsed and validated unless it is cached.

        With a deadline, an expensive one waits for its turn behind cheaper ones before its document is validated.

        Raises:
            OperationCancelled: at the deadline.
            RequestErrors: if the document cannot be parsed, exceeds a limit, is invalid or has no such operation. A
                document that is invalid, or too large whatever the variables, is not cached.
        """
        limit = self._limits.query.cost if max_cost is None else max_cost
        deadline = deadline or endless_deadline()
        cached = self._cache.get(text)
        if cached is not None:
            operation = select_operation(cached.ast, name)
            cost = self._check_limits(cached, operation, variables or {}, limit)
            deadline.turn.declare_cost(cost.total)
            return PreparedOperation(cached, operation, cost)
        document = ValidatedDocument(
            self._parse(text), compiled=CompiledOperations() if self._may_compile(text) else None
        )
        # Validation compares fields pairwise (0.9 s for 990 times `a{b}`), so the limits are checked before it.
        cost = self._check_limits(document, document.operation(name), variables or {}, limit)
        deadline.turn.declare_cost(cost.total)
        errors = validate_document(self._schema, document.ast, max_errors=self._limits.max_errors, check=deadline.check)
        if errors:
            raise RequestErrors(errors, code=RequestErrorCode.GRAPHQL_VALIDATION_FAILED, cost=cost.total)
        operation = select_operation(document.ast, name)
        self._cache.put(text, document)
        return PreparedOperation(document, operation, cost)

    def disable_compiled(self, text: str, document: ValidatedDocument) -> None:
        """Have graphql-core execute the operations of a document from now on; of all new ones, after very many."""
        self._disabled.add(_hash(text))
        for each in (document, self._cache.get(text)):
            if each is not None and each.compiled is not None:
                each.compiled.disable()

    def _may_compile(self, text: str) -> bool:
        if len(self._disabled) >= MAX_DISABLED:
            return False
        return self._limits.are_compiled and not (self._disabled and _hash(text) in self._disabled)

    def is_volatile(self, document: ValidatedDocument, operation: OperationDefinitionNode) -> bool:
        """Return whether the response of an operation may change while the position stays, so must not be cached."""
        return self._selects(document, operation, VOLATILE)

    def reads_head(self, document: ValidatedDocument, operation: OperationDefinitionNode) -> bool:
        """Return whether an operation selects a field that is read at the head, whatever position it names."""
        return self._selects(document, operation, READS_HEAD)

    def _selects(self, document: ValidatedDocument, operation: OperationDefinitionNode, mark: Mark) -> bool:
        key = _name_of(operation), *mark
        if key not in document.selected_marks:
            document.selected_marks[key] = selects_field(self._schema, document.ast, operation, mark)
        return document.selected_marks[key]

    def find_deprecations(
        self, document: ValidatedDocument, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> tuple[Deprecation, ...]:
        """Return the deprecated parts of the schema that an operation uses, with those in its variables."""
        name = _name_of(operation)
        if name not in document.deprecations:
            document.deprecations[name] = find_in_document(self._schema, document.ast, operation)
        used = document.deprecations[name] + find_in_variables(self._schema, operation, variables)
        return tuple(dict.fromkeys(used))

    def may_be_volatile(self, text: str) -> bool:
        """Return whether an operation of a document that is not cached may be volatile.

        Without parsing: an operation that selects a field contains its name, though not every name selects a field.
        """
        return any(field in text for _, field in marked_fields(self._schema, *VOLATILE))

    def _parse(self, text: str) -> DocumentNode:
        max_tokens = self._limits.query.tokens
        try:
            check_length(text, self._limits.query)
            return parse(text, max_lexical_tokens=max_tokens, max_comments=max_tokens, allow_empty_selection_sets=False)
        except LimitExceeded as error:
            raise RequestErrors([GraphQLError(str(error))], code=error.code) from None
        except GraphQLError as error:
            raise RequestErrors([error.with_traceback(None)], code=RequestErrorCode.GRAPHQL_PARSE_FAILED) from None

    def _check_limits(
        self,
        document: ValidatedDocument,
        operation: OperationDefinitionNode | None,
        variables: Mapping[str, Any],
        cost_limit: int,
    ) -> OperationCost:
        """Return the cost of an operation; raises RequestErrors if that or the size of the document exceeds a limit."""
        name = _name_of(operation)
        memory = document.costs.get(name)
        cost = NO_COST
        try:
            found = memory.find(memory.read(variables)) if memory else None
            if found is not None and found.total <= cost_limit:
                return found
            measured = measure_document(self._schema, document.ast, operation, variables)
            cost = measured.cost
            measured.check(self._limits.query, cost_limit)
        except LimitExceeded as error:
            raise RequestErrors([GraphQLError(str(error))], code=error.code, cost=cost.total) from None
        if memory is None:
            memory = document.costs[name] = CostMemory(measured.uses)
        memory.add(memory.read(variables), cost)
        return cost


def _name_of(operation: OperationDefinitionNode | None) -> str | None:
    return operation.name.value if operation and operation.name else None


def select_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation of that name, or the only one if there is no name.

    Raises:
        RequestErrors: if there is none of that name, or several and no name.
    """
    operation = get_operation_ast(document, name)
    if operation is not None:
        return operation
    message = (
        f"The document has no operation named {show_value(name)}." if name else _explain_missing_operation(document)
    )
    raise RequestErrors([GraphQLError(message)], code=RequestErrorCode.OPERATION_RESOLUTION_FAILURE)


def _explain_missing_operation(document: DocumentNode) -> str:
    if any(isinstance(definition, OperationDefinitionNode) for definition in document.definitions):
        return "The document has several operations: choose one by `operationName`."
    return "The document has no operation."


class _LruCache:
    """Documents by their text, and texts by their hashes, up to a total number of characters.

    A document is compiled after it was put here, so what it counts is determined anew whenever it is used.
    """

    def __init__(self, max_characters: int) -> None:
        self._free_characters = max_characters
        self._texts: dict[str, str] = {}
        self._documents: OrderedDict[str, ValidatedDocument] = OrderedDict()
        self._counted: dict[str, int] = {}
        self._lock = Lock()

    def get(self, text: str) -> ValidatedDocument | None:
        with self._lock:
            document = self._documents.get(text)
            if document is not None:
                self._documents.move_to_end(text)
                self._count(text, document)
            return document

    def find_by_hash(self, hash_: str) -> str | None:
        with self._lock:
            return self._texts.get(hash_)

    def put(self, text: str, document: ValidatedDocument) -> None:
        hash_ = _hash(text)
        with self._lock:
            if text in self._documents:
                return
            self._documents[text] = document
            self._texts[hash_] = text
            self._count(text, document)

    def _count(self, text: str, document: ValidatedDocument) -> None:
        """Count what a document takes now, and drop others, or at last itself, if that is too much."""
        characters = len(text) + CHARACTERS_PER_FIELD * document.compiled_fields
        self._free_characters -= characters - self._counted.get(text, 0)
        self._counted[text] = characters
        while self._free_characters < 0:
            dropped, _ = self._documents.popitem(last=False)
            del self._texts[_hash(dropped)]
            self._free_characters += self._counted.pop(dropped)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
