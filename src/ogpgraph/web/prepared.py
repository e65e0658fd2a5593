"""Documents made ready to run: parsed and validated once, then kept as long as they are asked for and there is room."""

import math
from collections import OrderedDict
from collections.abc import Sequence
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


class RequestErrors(Exception):
    """The document, the choice of its operation or the variables are wrong, and nothing was run: a request error."""

    def __init__(self, errors: Sequence[GraphQLError], *, code: str) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.code = code


class DocumentLimits(msgspec.Struct, frozen=True):
    """How large a document may be, how many of its errors are told, and how much of all documents' text is kept ready.

    A parsed document takes 100 to 400 bytes a character (measured), so the default keeps 100 MB at the very worst and a
    thousand ordinary documents in 30 MB.
    """

    max_tokens: int = 4_000  # and as many comments, which the parser counts apart
    max_errors: int = 25
    kept_characters: int = 250_000


class Documents:
    """Validated documents by their text. Several threads may use it, and prepare one document at once, to no harm."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits) -> None:
        self._schema = schema
        self._limits = limits
        self._kept = _Kept(limits.kept_characters)

    def prepare(self, text: str) -> DocumentNode:
        """The document that the text says, fit to be run.

        Raises:
            RequestErrors: if it cannot be parsed or does not hold against the schema. Such documents are not kept.
        """
        document = self._kept.get(text)
        if document is None:
            document = self._parse(text)
            # A pass that bounds cost goes between: validation compares fields pairwise, 0.9 s for 990 times `a{b}`.
            self._validate(document)
            self._kept.put(text, document)
        return document

    def _parse(self, text: str) -> DocumentNode:
        most = self._limits.max_tokens
        try:
            return parse(text, max_lexical_tokens=most, max_comments=most, allow_empty_selection_sets=False)
        except GraphQLError as error:
            raise RequestErrors([error.with_traceback(None)], code="GRAPHQL_PARSE_FAILED") from None

    def _validate(self, document: DocumentNode) -> None:
        errors = validate(self._schema, document, _RULES, max_errors=self._limits.max_errors)
        if errors:
            raise RequestErrors(errors, code="GRAPHQL_VALIDATION_FAILED")


def chosen_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of that name, or the only one.

    Raises:
        RequestErrors: if there is none of that name, or several and no name.
    """
    operation = get_operation_ast(document, name)
    if operation is not None:
        return operation
    message = f"The document has no operation named {name!r}." if name else _which_one(document)
    raise RequestErrors([GraphQLError(message)], code="OPERATION_RESOLUTION_FAILURE")


def _which_one(document: DocumentNode) -> str:
    if any(isinstance(definition, OperationDefinitionNode) for definition in document.definitions):
        return "The document has several operations: say which by `operationName`."
    return "The document has no operation."


class _PlainValues(ValidationRule):
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
    _PlainValues,
)


class _Kept:
    """The documents last asked for, up to a number of characters of their text."""

    def __init__(self, max_characters: int) -> None:
        self._room = max_characters
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> DocumentNode | None:
        with self._lock:
            document = self._documents.get(text)
            if document is not None:
                self._documents.move_to_end(text)
            return document

    def put(self, text: str, document: DocumentNode) -> None:
        with self._lock:
            if text in self._documents:
                return
            self._documents[text] = document
            self._room -= len(text)
            while self._room < 0:
                forgotten, _ = self._documents.popitem(last=False)
                self._room += len(forgotten)
