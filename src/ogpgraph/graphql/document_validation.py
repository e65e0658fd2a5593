"""The rules by which a document is valid: those of the specification, of strawberry, and for literals our own."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FloatValueNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    StringValueNode,
    ValidationRule,
    ValuesOfCorrectTypeRule,
    specified_rules,
    validate,
)
from graphql.validation.validation_context import ASTValidationContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from ogpgraph.graphql.input_errors import InputValuesRule
from ogpgraph.readmodel.index import Checkpoint


def validate_document(
    schema: GraphQLSchema, document: DocumentNode, *, max_errors: int, check: Checkpoint
) -> list[GraphQLError]:
    """Return the errors of a document, as many as `max_errors`; calls `check` at each part of it."""
    rules = (partial(_Checkpoint, check), *_RULES)
    return validate(schema, document, rules, max_errors=max_errors)  # type: ignore[arg-type]  # it calls each with a context


class _Checkpoint(ASTValidationRule):
    """Calls a function at each part of a document, before the rules look at it."""

    def __init__(self, check: Checkpoint, context: ASTValidationContext) -> None:
        super().__init__(context)
        self._check = check

    def enter(self, *_args: Any) -> None:
        self._check()


class _PlainValuesRule(ValidationRule):
    """Literals follow the rules of variables: no NUL in a string (PostgreSQL has none), no number past a float."""

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
    *(InputValuesRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules),
    MaybeNullValidationRule,  # strawberry adds these two for `Maybe` inputs and `one_of`
    OneOfInputValidationRule,
    _PlainValuesRule,
)
