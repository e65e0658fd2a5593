"""Documents made ready to run: parsed and validated once, then kept as long as they are asked for and there is room."""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Final

import msgspec
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FloatValueNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    StringValueNode,
    ValidationRule,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from ogpgraph.graphql.query_cost import (
    MAX_REPORTED_COST,
    DocumentCost,
    LimitExceeded,
    QueryLimits,
    check_length,
    measure_document,
)

_MAX_CACHED_COSTS: Final = 50
_ABSENT: Final = object()


class RequestErrors(Exception):
    """The document, the choice of its operation or the variables are wrong, and nothing was run: a request error.

    `cost` is what the operation asked for, 0 where that was not understood.
    """

    def __init__(self, errors: Sequence[GraphQLError], *, code: str, cost: int = 0) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.code = code
        self.cost = cost


class DocumentLimits(msgspec.Struct, frozen=True):
    """What a document may ask for, how many of its errors are told, and how much of all documents' text is kept ready.

    A parsed document takes 100 to 400 bytes a character (measured), so the default keeps 100 MB at the very worst and a
    thousand ordinary documents in 30 MB.
    """

    query: QueryLimits = QueryLimits()
    max_errors: int = 25
    cached_characters: int = 250_000


class ValidatedDocument(msgspec.Struct, frozen=True):
    """A document fit to be run. What its operations cost is kept with it, by the sizes of pages that variables say."""

    ast: DocumentNode
    page_size_variables: dict[str | None, tuple[str, ...]] = {}
    costs: dict[tuple[object, ...], DocumentCost] = {}

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of that name, or the only one."""
        return get_operation_ast(self.ast, name)


class PreparedOperation(msgspec.Struct, frozen=True):
    """One operation of a prepared document, and what it asks for with its variables."""

    document: ValidatedDocument
    operation: OperationDefinitionNode
    cost: int


class DocumentCache:
    """Validated documents by their text. Several threads may use it, and prepare one document at once, to no harm."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema = schema
        self._limits = limits
        self._cache = _LruCache(limits.cached_characters)

    def get(self, text: str) -> ValidatedDocument | None:
        """The document, if it is kept ready."""
        return self._cache.get(text)

    def prepare(
        self,
        text: str,
        name: str | None = None,
        variables: Mapping[str, Any] | None = None,
        *,
        max_cost: int | None = None,
    ) -> PreparedOperation:
        """The operation of that name in the document that the text says, fit to be run.

        Raises:
            RequestErrors: if it cannot be parsed, asks for too much, does not hold against the schema or has no such
                operation. Documents that are wrong, or too large whatever the variables, are not kept.
        """
        most = self._limits.query.cost if max_cost is None else max_cost
        prepared = self._cache.get(text)
        if prepared is not None:
            operation = select_operation(prepared.ast, name)
            return PreparedOperation(prepared, operation, self._check_cost(prepared, operation, variables or {}, most))
        prepared = ValidatedDocument(self._parse(text))
        # Validation compares fields pairwise, 0.9 s for 990 times `a{b}`: so what is large is turned away before.
        cost = self._check_cost(prepared, prepared.operation(name), variables or {}, most)
        self._validate(prepared.ast, cost)
        operation = select_operation(prepared.ast, name)
        self._cache.put(text, prepared)
        return PreparedOperation(prepared, operation, cost)

    def _parse(self, text: str) -> DocumentNode:
        most = self._limits.query.tokens
        try:
            check_length(text, self._limits.query)
            return parse(text, max_lexical_tokens=most, max_comments=most, allow_empty_selection_sets=False)
        except LimitExceeded as error:
            raise RequestErrors([GraphQLError(str(error))], code=error.code) from None
        except GraphQLError as error:
            raise RequestErrors([error.with_traceback(None)], code="GRAPHQL_PARSE_FAILED") from None

    def _check_cost(
        self,
        prepared: ValidatedDocument,
        operation: OperationDefinitionNode | None,
        variables: Mapping[str, Any],
        most: int,
    ) -> int:
        cost = 0
        try:
            requested = self._measure(prepared, operation, variables)
            cost = min(requested.cost, MAX_REPORTED_COST)
            requested.check(self._limits.query, most)
        except LimitExceeded as error:
            raise RequestErrors([GraphQLError(str(error))], code=error.code, cost=cost) from None
        return cost

    def _measure(
        self, prepared: ValidatedDocument, operation: OperationDefinitionNode | None, variables: Mapping[str, Any]
    ) -> DocumentCost:
        named = operation.name.value if operation and operation.name else None
        sizes = prepared.page_size_variables.get(named)
        known = prepared.costs.get(_cost_key(named, sizes, variables)) if sizes is not None else None
        if known is not None:
            return known
        requested = measure_document(self._schema, prepared.ast, operation, variables)
        sizes = prepared.page_size_variables[named] = tuple(sorted(requested.page_size_variables))
        if len(prepared.costs) < _MAX_CACHED_COSTS:
            prepared.costs[_cost_key(named, sizes, variables)] = requested
        return requested

    def _validate(self, document: DocumentNode, cost: int) -> None:
        errors = validate(self._schema, document, _RULES, max_errors=self._limits.max_errors)
        if errors:
            raise RequestErrors(errors, code="GRAPHQL_VALIDATION_FAILED", cost=cost)


def _cost_key(named: str | None, sizes: tuple[str, ...], variables: Mapping[str, Any]) -> tuple[object, ...]:
    """What the cost of an operation depends on: the variables that say how large pages are."""
    given = (variables.get(name, _ABSENT) for name in sizes)
    return (named, *(size if isinstance(size, int) else type(size) for size in given))


def select_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of that name, or the only one.

    Raises:
        RequestErrors: if there is none of that name, or several and no name.
    """
    operation = get_operation_ast(document, name)
    if operation is not None:
        return operation
    message = f"The document has no operation named {name!r}." if name else _resolution_failure_message(document)
    raise RequestErrors([GraphQLError(message)], code="OPERATION_RESOLUTION_FAILURE")


def _resolution_failure_message(document: DocumentNode) -> str:
    if any(isinstance(definition, OperationDefinitionNode) for definition in document.definitions):
        return "The document has several operations: say which by `operationName`."
    return "The document has no operation."


class _PlainValuesRule(ValidationRule):
    """Values written into the document follow the rules for variables: no NUL (PostgreSQL has none), no infinity."""

    def enter_string_value(self, node: StringValueNode, *_args: Any) -> None:
        if "\0" in node.value:
            self.report_error(GraphQLError("A string has a NUL.", node))

    def enter_int_value(self, node: IntValueNode, *_args: Any) -> None:
        self._require_finite(node)

    def enter_float_value(self, node: FloatValueNode, *_args: Any) -> None:
        self._require_finite(node)

    def _require_finite(self, node: IntValueNode | FloatValueNode) -> None:
        if not math.isfinite(float(node.value)):
            self.report_error(GraphQLError("A number is too large.", node))


_RULES: Final[tuple[type[ASTValidationRule], ...]] = (
    *specified_rules,
    MaybeNullValidationRule,  # strawberry's own two complete what it says by Maybe and one_of
    OneOfInputValidationRule,
    _PlainValuesRule,
)


class _LruCache:
    """The documents last asked for, up to a number of characters of their text."""

    def __init__(self, max_characters: int) -> None:
        self._room = max_characters
        self._documents: OrderedDict[str, ValidatedDocument] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> ValidatedDocument | None:
        with self._lock:
            document = self._documents.get(text)
            if document is not None:
                self._documents.move_to_end(text)
            return document

    def put(self, text: str, document: ValidatedDocument) -> None:
        with self._lock:
            if text in self._documents:
                return
            self._documents[text] = document
            self._room -= len(text)
            while self._room < 0:
                forgotten, _ = self._documents.popitem(last=False)
                self._room += len(forgotten)
