"""Running one operation, whole and in the calling thread, from the request to the response that GraphQL defines."""

import re
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol, TypeGuard

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from starlette.requests import Request

from ogpgraph.graphql.executor import Executor as OperationExecutor
from ogpgraph.web.authenticated import caller_of
from ogpgraph.web.caching import NOT_KEPT, Question, Standing, headers_of, is_past, matches, pinned_position
from ogpgraph.web.masking import told_or_masked
from ogpgraph.web.parameters import Parameters
from ogpgraph.web.prepared import Asked, DocumentLimits, Documents, Prepared, RequestErrors
from ogpgraph.web.refused import Refused
from ogpgraph.web.roomy import roomy
from ogpgraph.web.spending import Spending
from ogpgraph.web.stopping import Stopped, Watch
from ogpgraph.web.trusted import text_of

_OF_THE_MOMENT: Final = re.compile(r"\bfollower\b")
"""How far the follower is changes while the position does not: an answer that tells it is good for this moment only."""
TRUSTED_SHARE: Final = 4
"""What a trusted document asks for is charged by so many times less: it was looked at when it was written."""


class Record(Protocol):
    """What the executor needs to know of the contexts that resolvers see."""

    def standing(self, context: Any) -> Standing:
        """Return what an answer read in a context depends on."""

    def watch(self, context: Any, watch: Watch) -> None:
        """Have a context's database stop long statements when the watch says so."""


class Call(msgspec.Struct):
    """One request to run an operation. `cost` and `limit` are told with whatever the answer is, and set on the way."""

    request: Request
    request_id: str
    media: str
    watch: Watch
    limit: int
    cost: int = 0

    @property
    def may_be_kept(self) -> bool:
        """Tell whether caches may keep the answer: it is asked by GET, and by nobody in particular."""
        return self.request.method == "GET" and "authorization" not in self.request.headers


class Answer(msgspec.Struct, frozen=True):
    """The response to a request, None where the client has it already; and its headers."""

    payload: dict[str, object] | None
    headers: dict[str, str]


class Executor:
    """Runs operations of a schema whose resolvers are synchronous and may block: call it in a worker thread.

    `context` is called in that thread for each request. Where it gives a context manager, resolvers see what entering
    it gives, and it is left when the operation has run.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        context: Callable[[Request], object],
        limits: DocumentLimits,
        *,
        spending: Spending,
        record: Record | None = None,
        trusted: Mapping[str, str] | None = None,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError(
                "Strawberry's extensions and operation directives are not run here: the schema must have none."
            )
        self._core = schema._schema  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._context = context
        self._limits = limits.asked
        self._documents = Documents(self._core, limits)
        self._spending = spending
        self._record = record
        self._trusted = trusted or {}
        self._roomy = roomy()

    def __call__(self, call: Call, parameters: Parameters) -> Answer:
        """The answer to a request.

        Raises:
            RequestErrors: if the document, the choice of its operation or the variables are wrong, or ask for too much.
            Refused: if the operation may not be run over this method or endpoint, is not in the budget, or was stopped.
        """
        try:
            return self._roomy(lambda: self._run(call, parameters))
        except RequestErrors as wrong:
            call.cost = call.cost or wrong.cost
            raise
        except Stopped:
            raise Refused(504, "The operation took too long and was stopped.", code="DEADLINE_EXCEEDED") from None

    def _run(self, call: Call, parameters: Parameters) -> Answer:
        text = parameters.query
        if parameters.document_id is not None:
            text, call.limit = text_of(self._trusted, parameters.document_id), self._limits.trusted_cost
        question = Question(text, parameters.operation_name, parameters.variables, call.media, call.limit)
        if not (call.may_be_kept and "if-none-match" in call.request.headers):
            asked = self._asked(call, text, parameters)
            with _entered(self._context(call.request)) as context:
                return self._answered(call, asked, parameters, question, context)
        with _entered(self._context(call.request)) as context:
            # Before anything is parsed: a document that is not known is taken to speak of the present.
            had = self._had(call, question, context, self._documents.known(text))
            return had or self._answered(call, self._asked(call, text, parameters), parameters, question, context)

    def _asked(self, call: Call, text: str, parameters: Parameters) -> Asked:
        asked = self._documents.prepare(text, parameters.operation_name, parameters.variables, most_cost=call.limit)
        call.cost = asked.cost
        _require_allowed(asked.operation, call.request.method)
        return asked

    def _had(self, call: Call, question: Question, context: Any, known: Prepared | None) -> Answer | None:
        """Return that the client has the answer already, if it has."""
        headers = self._headers(call, question, context, known)
        had = "ETag" in headers and matches(call.request.headers.get("if-none-match"), headers["ETag"])
        return Answer(None, headers) if had else None

    def _headers(self, call: Call, question: Question, context: Any, known: Prepared | None) -> dict[str, str]:
        if self._record is None or not call.may_be_kept or _OF_THE_MOMENT.search(question.text):
            return {"Cache-Control": NOT_KEPT}
        operation = known.operation(question.operation_name) if known else None
        pinned = pinned_position(operation, question.variables or {}) if operation else None
        standing = self._record.standing(context)
        return headers_of(question.etag(standing, pinned), past=is_past(pinned, standing))

    def _answered(self, call: Call, asked: Asked, parameters: Parameters, question: Question, context: Any) -> Answer:
        headers = self._headers(call, question, context, asked.prepared)
        if "ETag" in headers and matches(call.request.headers.get("if-none-match"), headers["ETag"]):
            return Answer(None, headers)
        share = TRUSTED_SHARE if parameters.document_id else 1
        keys, charged = _purses(call.request), max(1, asked.cost // share)
        self._spending.take(keys, charged)
        try:
            payload = self._executed(call, asked, parameters, context)
        finally:
            self._spending.give_back(keys, max(0, charged - 1 - call.watch.objects // share))
        return Answer(payload, {"Cache-Control": NOT_KEPT} if "errors" in payload else headers)

    def _executed(self, call: Call, asked: Asked, parameters: Parameters, context: Any) -> dict[str, object]:
        if asked.operation.operation is OperationType.MUTATION:
            call.watch.patient = True  # what was recorded is answered, however long that takes
        elif self._record is not None:
            self._record.watch(context, call.watch)
        result = self._execute(call, asked, parameters, context)
        if result.errors and call.watch.is_over():
            raise Stopped  # the errors are those of statements that were broken off
        return _response(result, call.request_id)

    def _execute(self, call: Call, asked: Asked, parameters: Parameters, context: Any) -> ExecutionResult:
        executor = OperationExecutor.build(
            self._core,
            asked.prepared.document,
            context_value=context,
            raw_variable_values=parameters.variables,
            operation_name=parameters.operation_name,
            is_async_iterable=_is_never_async,
            operation_extensions=parameters.extensions,
            watch=call.watch,
        )
        if isinstance(executor, list):
            raise RequestErrors(executor, code="BAD_USER_INPUT")
        result = executor.execute_operation()
        if not isinstance(result, ExecutionResult):
            raise TypeError("A resolver is asynchronous; all of them must be synchronous.")
        return result


def _purses(request: Request) -> list[str]:
    caller = caller_of(request)
    return [f"address {caller.address}", *([f"account {caller.account}"] if caller.account else [])]


def _require_allowed(operation: OperationDefinitionNode, method: str) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise Refused(400, "Subscriptions do not run over this endpoint.", code="SUBSCRIPTION_NOT_SUPPORTED")
    if operation.operation is OperationType.MUTATION and method != "POST":
        raise Refused(405, "Mutations run by POST only.", code="METHOD_NOT_ALLOWED", headers={"Allow": "POST"})


def _entered(context: object) -> AbstractContextManager[Any]:
    return context if isinstance(context, AbstractContextManager) else nullcontext(context)


def _response(result: ExecutionResult, request_id: str) -> dict[str, object]:
    errors: list[GraphQLError] = result.errors or []
    if result.data is None and not any(error.path for error in errors):
        raise RequestErrors(errors, code="BAD_USER_INPUT")  # nothing ran: a variable was not coercible
    # The specification wants `errors` first, to be seen.
    return {"errors": told_or_masked(errors, request_id), "data": result.data} if errors else {"data": result.data}


def _is_never_async(_value: object) -> TypeGuard[AsyncIterable[Any]]:
    return False
