"""The plain fields of object types, derived from the fields that aggregates declare, and how texts are read.

A field is plain if one value, or one text in each language, is at its path. Fields that combine values, compute them or
lead to other objects are written by hand in `subject`, `parts` and `types`. Resolvers are built once, with the schema:
a request looks nothing up in the declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

import strawberry
from graphql.pyutils import camel_to_snake
from strawberry.types.base import get_object_definition

from ogpgraph.domain import values
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.field import Field
from ogpgraph.domain.values import TextListValue, TextValue, TranslationKind
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.enums import STATUSES, Status
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.readmodel.snapshot import Snapshot

ClassT = TypeVar("ClassT", bound=type)
Resolver = Callable[..., Any]
ValueConverter = Callable[[values.Value | None], Any]
"""Returns a value at a path of an aggregate, or that there is none, as its GraphQL type has it."""
TextReader = Callable[[Snapshot, Aggregate, str, str | None], Any]
"""Returns the text or texts below a path of an aggregate in a language; see `choose_text`."""

Language = Annotated[
    str | None,
    strawberry.argument(
        description="The language of the text, as a code such as `es`, or with a region, `es-MX`, which makes no "
        "difference; there may be no text in it. Omitted or null: the original language, otherwise English, otherwise "
        "the first language by code."
    ),
]

# Derivation


def derive_output_fields(
    fields: Iterable[Field], prefix: str = "", omit: tuple[str, ...] = ()
) -> Callable[[ClassT], ClassT]:
    """Return a class decorator that adds the plain fields among some to an object type, with their descriptions.

    strawberry collects the fields of a type from the attributes of its class, so this decorator has to be applied
    first, below `@strawberry.type`. A field that the class has already, and those to omit, are not derived; one that it
    has only from an interface is.

    The class has a `state` and a `snapshot`. With a prefix, such as `milestones/{number}/`, it is a part of an
    aggregate: it has a `number`, an `owner` with these attributes, and the fields whose paths begin with the prefix.
    """

    def add_fields(cls: ClassT) -> ClassT:
        for field in fields:
            attribute = camel_to_snake(field.name)
            if not _has_own(cls, attribute) and field.name not in omit and is_plain(field, prefix):
                resolver = _build_resolver(field, prefix)
                description = describe_output(field)
                setattr(
                    cls, attribute, strawberry.field(resolver, name=field.name, metadata=OWN, description=description)
                )
        return cls

    return add_fields


def _has_own(cls: type, attribute: str) -> bool:
    """Return whether a class, or a type that it extends, has an attribute that is not merely that of an interface."""
    if attribute in vars(cls):
        return True
    interfaces = (each for each in cls.__mro__[1:] if (defined := get_object_definition(each)) and defined.is_interface)
    parts_of_interfaces = {part for interface in interfaces for part in interface.__mro__}
    inherited = (get_object_definition(base) for base in cls.__bases__)
    fields = (field for defined in inherited if defined for field in defined.fields if field.python_name == attribute)
    return any(field.origin not in parts_of_interfaces for field in fields if field.origin)


def is_plain(field: Field, prefix: str = "") -> bool:
    """Return whether the output field of a declared field can be derived, for a type with the fields at a prefix."""
    if field.type in _TEXT_READERS:
        return field.pattern == f"{prefix}{field.name}/{{language}}"
    return field.pattern == f"{prefix}{field.name}" and _value_converter(field.type) is not None


def describe_output(field: Field) -> str:
    """Return the declared description of a field and, unless it states that, when its output is null or empty."""
    description = field.description
    absence = _ABSENCE_OF_TEXTS.get(field.type, "null if it is not known")
    if get_origin(field.type) is tuple or "null" in description.lower() or "empty" in description:
        return description
    if ". " in description:
        return f"{description} {absence[0].upper()}{absence[1:]}."
    return f"{description.removesuffix('.')}; {absence}."


def _build_resolver(field: Field, prefix: str) -> Resolver:
    """Return the resolver of a plain field, annotated with its type, which strawberry reads."""
    build_text_resolver, build_value_resolver = _RESOLVERS_OF_PARTS if prefix else _RESOLVERS
    path = f"{prefix}{field.name}"
    if texts := _TEXT_READERS.get(field.type):
        annotation, read_text = texts
        resolver = build_text_resolver(path, read_text)
    else:
        annotation, convert = _value_converter(field.type) or (None, _as_it_is)
        resolver = build_value_resolver(path, convert)
    resolver.__annotations__["return"] = annotation
    return resolver


def _value_resolver(path: str, convert: ValueConverter) -> Resolver:
    def resolve(self: Any) -> Any:
        return convert(self.state.value(path))

    return resolve


def _text_resolver(path: str, read: TextReader) -> Resolver:
    def resolve(self: Any, language: Language = None) -> Any:
        return read(self.snapshot, self.state, path, language)

    return resolve


def _value_resolver_of_part(path: str, convert: ValueConverter) -> Resolver:
    before, _, after = path.partition("{number}")

    def resolve(self: Any) -> Any:
        return convert(self.owner.state.value(f"{before}{self.number}{after}"))

    return resolve


def _text_resolver_of_part(path: str, read: TextReader) -> Resolver:
    before, _, after = path.partition("{number}")

    def resolve(self: Any, language: Language = None) -> Any:
        owner = self.owner
        return read(owner.snapshot, owner.state, f"{before}{self.number}{after}", language)

    return resolve


_RESOLVERS: Final = (_text_resolver, _value_resolver)
_RESOLVERS_OF_PARTS: Final = (_text_resolver_of_part, _value_resolver_of_part)

# Values


def _value_converter(value_type: Any) -> tuple[Any, ValueConverter] | None:
    """Return the GraphQL type of values of a declared type, and what converts them; None if there is no plain one."""
    if value_type == values.PartialDate:
        return PartialDate | None, _string
    if value_type == values.AggregateId or get_args(value_type)[:1] == (values.AggregateId,):
        return None  # leads to another object
    match get_origin(value_type):
        case origin if origin is Annotated:
            return _value_converter(get_args(value_type)[0])
        case origin if origin is tuple:
            return list[str], _strings
        case origin if origin is Literal:
            return str | None, _string
    if not isinstance(value_type, type):
        return None
    if issubclass(value_type, StrEnum):
        output_type = Status if value_type in STATUSES else value_type
        return output_type | None, _Members(output_type).__getitem__
    return _VALUE_CONVERTERS.get(value_type)


def _as_it_is(value: values.Value | None) -> values.Value | None:
    return value


def _string(value: values.Value | None) -> str | None:
    return value if isinstance(value, str) else None


def _strings(value: values.Value | None) -> list[str]:
    return list(value) if isinstance(value, tuple) else []


def _integer(value: values.Value | None) -> int | None:
    return value if isinstance(value, int) else None


def _boolean(value: values.Value | None) -> bool | None:
    return value if isinstance(value, bool) else None


class _Members(dict[values.Value | None, Any]):
    """The members of an enum by their values; no member for what is no text, and an error for any other text."""

    def __init__(self, enum: Any) -> None:
        super().__init__({None: None} | {member.value: member for member in enum})
        self._enum = enum

    def __missing__(self, value: values.Value) -> Any:
        return self._enum(value) if value and isinstance(value, str) else None


_VALUE_CONVERTERS: Final[dict[type, tuple[Any, ValueConverter]]] = {
    bool: (bool | None, _boolean),
    int: (int | None, _integer),
    str: (str | None, _string),
}

# Texts. Stored values refer to texts by reference; a removed (redacted) text reads null.


def read_language(tag: str) -> str:
    """Return the code of the language that a tag such as `pt-BR` names: texts have no regions and scripts."""
    return tag.strip().lower().replace("_", "-").partition("-")[0]


def choose_text(state: Aggregate, prefix: str, language: str | None) -> tuple[str, StoredClaim] | None:
    """Return the path and the claim of the text of a field in a language, or None.

    Without a language: the original, otherwise English, otherwise the first by code.
    """
    if language is not None:
        path = f"{prefix}/{read_language(language)}"
        claim = state.current_claim(path)
        return (path, claim) if claim else None
    texts: dict[str, tuple[str, StoredClaim] | None] | None = state.cache.get("texts")
    if texts is None:
        texts = state.cache["texts"] = {}
    if prefix not in texts:
        paths = state.paths_under(prefix + "/")
        claimed = [(path, state.current_claims[path]) for path in paths]
        texts[prefix] = claimed[0] if len(claimed) == 1 else min(claimed, key=_language_preference, default=None)
    return texts[prefix]


def _language_preference(claimed: tuple[str, StoredClaim]) -> tuple[bool, bool, str]:
    path, claim = claimed
    language = path.rpartition("/")[2]
    return not _is_original(claim), language != "en", language


def _is_original(claim: StoredClaim) -> bool:
    value = claim.value
    return isinstance(value, (TextValue, TextListValue)) and value.translation_kind is TranslationKind.ORIGINAL


def resolve_text(snapshot: Snapshot, state: Aggregate, prefix: str, language: str | None) -> str | None:
    """Return the text of a field in a language; None if there is none or it was removed."""
    value = state.value(f"{prefix}/en") if language is None else None
    if type(value) is not TextValue or value.translation_kind is not TranslationKind.ORIGINAL:  # which precedes all
        chosen = choose_text(state, prefix, language)
        value = chosen[1].value if chosen else None
        if not isinstance(value, TextValue):
            return None
    return snapshot.text(state, prefix, value.text)


def resolve_texts(snapshot: Snapshot, state: Aggregate, prefix: str, language: str | None) -> list[str]:
    """Return the list of texts of a field in a language, without those that were removed."""
    chosen = choose_text(state, prefix, language)
    if chosen is None or not isinstance(value := chosen[1].value, TextListValue):
        return []
    texts = (snapshot.text(state, chosen[0], reference) for reference in value.texts)
    return [text for text in texts if text is not None]


_TEXT_READERS: Final[dict[Any, tuple[Any, TextReader]]] = {
    TextValue: (str | None, resolve_text),
    TextListValue: (list[str], resolve_texts),
}
_ABSENCE_OF_TEXTS: Final[dict[Any, str]] = {
    TextValue: "null if there is none in this language, or it was removed from the record",
    TextListValue: "empty if none are known in this language",
}
