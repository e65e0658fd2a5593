"""Commands: requests to change the record, each declared once, next to the aggregate that it changes.

A command is a struct. Its fields are its inputs, annotated with their meaning and, where their value is recorded at a
field of the aggregate, with this Field. An input that is absent says nothing. Null clears the field if it is declared
`is_clearable`, and is refused for every other input, before the command is made. `decide` appends the events that
follow from them, or raises a Refusal. A `CommandType` declares who may use the command, when it is refused, and what is
shown afterwards. GraphQL mutations with their inputs and descriptions, the table of permissions and the reference of
mutations are derived from these declarations, so a new command is written in one module, beside its events.

Commands call the functions of their module that append events, such as `complete_milestone`, which the importer calls,
too. These take aggregates as the unit of work returns them at that moment: an aggregate is out of date once an event
was appended to it. Where facts come from is always their last parameter, `provenance`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, cached_property
from inspect import cleandoc
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType
from msgspec.structs import FieldInfo, fields

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import Field
from ogpgraph.domain.language_table import find_language
from ogpgraph.domain.roles import Roles
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import COMMITMENT_CODE, Value

Returned = Literal["member", "actionPlan", "commitment", "milestone", "subject", "subjects", "account"]
"""What the payload of a mutation shows."""


class ReferenceTo(Struct, frozen=True):
    """Annotates an input that is sent as a code or an id, and refers to an aggregate: `find` returns this.

    `find` raises NotFound, and Invalid for what cannot be a code. Without `find`, the input refers to entries of the
    log: only the read model can find these, and does so before the command runs. `is_id`: only ids are sent.
    """

    referenced: str
    find: Callable[[UnitOfWork, str], Aggregate] | None = None
    is_id: bool = False


class Format(Struct, frozen=True):
    """Annotates an input of type str: the pattern that all of it matches, and its form in words for a refusal.

    `normalize` is applied before: it removes differences that do not matter, such as case. `is_known` is asked where
    not everything that matches means something.
    """

    pattern: str
    form: str
    normalize: Callable[[str], str] = str
    is_known: Callable[[str], bool] = bool


class Command(Struct, frozen=True):
    """The inputs of a command as `decide` needs them: aggregates in place of their codes, texts by reference."""

    def stated_facts(self) -> Facts:
        """Return path → value of the inputs that were sent and are recorded at a field; None is to be cleared.

        The variable segments of a path are inputs of the command with the same names, such as `language`.
        """
        return {
            each.field.pattern.format_map(_InputValues(self)): _stored(value)
            for each in read_inputs(type(self))
            if each.field and (value := getattr(self, each.name)) is not UNSET
        }

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Append the events that follow from the inputs; raises a Refusal where a rule of the domain forbids them."""
        raise NotImplementedError


class Refusals(Struct, frozen=True):
    """When a command is refused with which code: each completes the sentence “Refused with `CODE` …”."""

    not_found: str = ""
    invalid: str = ""
    conflict: str = ""


class Input(Struct, frozen=True, dict=True):
    """One input of a command, read from its annotation.

    `type` is the type of the value without `None` and `UnsetType`, and without annotations; `annotations` are all of
    these, the outermost first. For a tuple they include those of its items, since `Meta` and the others mean the same
    there.
    """

    name: str
    type: Any
    annotations: tuple[Any, ...]
    is_required: bool
    default: Any

    @cached_property
    def sent_name(self) -> str:
        """Return the name as clients send it: `actionPlan`."""
        first, *others = self.name.split("_")
        return first + "".join(map(str.title, others))

    @property
    def description(self) -> str:
        """Return the meaning of the input: the outermost description counts, then that of the type."""
        return next(each.description for each in self.annotations if isinstance(each, Meta) and each.description)

    @cached_property
    def field(self) -> Field | None:
        """Return the field that the value is recorded at, None if it is at none."""
        return next((each for each in self.annotations if isinstance(each, Field)), None)

    @property
    def is_clearable(self) -> bool:
        """Return whether null clears the field that the value is recorded at; otherwise null is refused."""
        return self.field is not None and self.field.is_clearable and not self.is_required

    @cached_property
    def reference(self) -> ReferenceTo | None:
        """Return how the input refers to an aggregate or to several; None if it does not."""
        return next((each for each in self.annotations if isinstance(each, ReferenceTo)), None)

    @cached_property
    def item_inputs(self) -> tuple[Input, ...]:
        """Return the inputs of each item, if the input is a list of structs."""
        items = get_args(self.type)[:1] if get_origin(self.type) is tuple else ()
        return tuple(each for item in items if _is_struct(item) for each in read_inputs(item))

    @cached_property
    def format(self) -> Format | None:
        """Return the format of the input's text, None if it has none."""
        return next((each for each in self.annotations if isinstance(each, Format)), None)


class CommandType(Struct, frozen=True, kw_only=True, dict=True):
    """The declaration of a command: what it records, who may use it, and what is shown afterwards.

    `events` are all that it may append. The subject of a command, whose expected revision is checked, is the aggregate
    of its first reference. A command that `registers` an aggregate of a type expects that its subject does not exist.
    """

    command: type[Command]
    description: str
    permitted: Roles
    events: tuple[str, ...]
    returns: Returned
    refusals: Refusals = Refusals()
    registers: str = ""

    @property
    def name(self) -> str:
        """Return the name as GraphQL and the permissions have it: `completeMilestone`."""
        return self.command.__name__[0].lower() + self.command.__name__[1:]

    @property
    def input_description(self) -> str:
        """Return the description of all inputs together: the docstring of the command."""
        return cleandoc(self.command.__doc__ or "")

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Return the inputs in the order of their declaration."""
        return read_inputs(self.command)

    @property
    def subject(self) -> Input | None:
        """Return the input that refers to the subject, None if the command registers its subject or has none."""
        return None if self.registers else next((each for each in self.inputs if each.reference), None)


def _is_struct(item: Any) -> bool:
    """Return whether the items of a list are structs that are sent, not aggregates."""
    return isinstance(item, type) and issubclass(item, Struct) and item is not Aggregate


@cache
def read_inputs(struct: type[Struct]) -> tuple[Input, ...]:
    """Return the fields of a struct as inputs, in the order of their declaration."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(_read_input(field, hints[field.name]) for field in fields(struct))


def _read_input(field: FieldInfo, hint: Any) -> Input:
    declared, annotations = _unwrap(hint)
    if get_origin(declared) is tuple:
        annotations += _unwrap(get_args(declared)[0])[1]
    is_required = field.default is NODEFAULT and field.default_factory is NODEFAULT
    return Input(field.name, declared, tuple(annotations), is_required, None if is_required else field.default)


def _unwrap(hint: Any) -> tuple[Any, list[Any]]:
    """Return a type without its annotations and without `None` and `UnsetType`, and the annotations."""
    annotations = list[Any]()
    while get_origin(hint) in (Annotated, Union, UnionType):
        arguments = [each for each in get_args(hint) if each not in (type(None), UnsetType)]
        if get_origin(hint) is Annotated:
            # `Annotated[Annotated[T, a], b]` is flattened to `Annotated[T, a, b]`: the outermost comes last.
            annotations += reversed(arguments[1:])
        elif len(arguments) > 1:
            return hint, annotations
        hint = arguments[0]
    return hint, annotations


class _InputValues(dict[str, Any]):
    """The inputs of a command as the variable segments of a path."""

    def __init__(self, command: Command) -> None:
        super().__init__()
        self._command = command

    def __missing__(self, name: str) -> Any:
        return getattr(self._command, name)


def _stored(value: Value | None) -> Value | None:
    return value.value if isinstance(value, StrEnum) else value


def stated_facts(facts: Mapping[str, Value | UnsetType | None]) -> Facts:
    """Return the facts that have a value."""
    return {path: _stored(value) for path, value in facts.items() if value is not None and value is not UNSET}


# Inputs that commands on several aggregates have in common

UNKNOWN_COMMITMENT = "if the commitment is unknown"
"""When commands on a commitment are refused with `NOT_FOUND`."""


def normalize_code(text: str) -> str:
    """Return a code in capitals, without surrounding spaces."""
    return text.strip().upper()


def normalize_language(text: str) -> str:
    """Return the shortest code of a language in lower case; what is none as it is, without surrounding spaces."""
    return find_language(text) or text.strip()


def find_commitment(uow: UnitOfWork, code: str) -> Aggregate:
    """Return the commitment that a current or former code means; raises Invalid and NotFound."""
    normalized = normalize_code(code)
    if not re.fullmatch(COMMITMENT_CODE, normalized):
        raise Invalid(f"{normalized[:40]!r} is not {_COMMITMENT_CODE.form}", "commitment")
    return uow.require_by_code("commitment", normalized)


_COMMITMENT_CODE = Format(COMMITMENT_CODE, "the code of a commitment, such as FR0043", normalize_code)

NewCommitmentCode = Annotated[
    str, Meta(description="The code: two to six letters and four digits, such as `FR0043`."), _COMMITMENT_CODE
]
"""A code that no commitment needs to have yet."""

CommitmentByCode = Annotated[Aggregate, ReferenceTo("commitment", find_commitment)]
CommitmentReference = Annotated[
    CommitmentByCode,
    Meta(description="The commitment, by its current code or a former one, such as `FR0043`. Case does not matter."),
]
Language = Annotated[
    str,
    Meta(
        description="The language of the texts in this input: its code in ISO 639, such as `fr`; `fra` is the same. "
        "Default: `en`."
    ),
    Format(
        "[a-z]{2,3}",
        "the code of a language in ISO 639, such as en or fr",
        normalize_language,
        lambda code: find_language(code) is not None,
    ),
]
