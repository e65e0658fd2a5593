"""Layout is no change: words broken into other lines, spaced or bulleted otherwise, are still the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import structs

from ogpgraph.domain.values import Rating, TextListValue, TextValue, Value

TextLookup = Callable[[str], str | None]

_BULLET = re.compile(r"^\s*[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff](?=\s)", re.MULTILINE)
_INVISIBLE = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")


def is_same_text(one: str | None, other: str | None) -> bool:
    """Tell whether two texts are the same but for blanks, line breaks, bullets, and characters that nobody sees."""
    return one is not None and other is not None and _visible_characters(one) == _visible_characters(other)


def reuse_equivalent_value(
    value: Value | None, before: Iterable[Value | None], lookup_text: TextLookup
) -> Value | None:
    """Return the first of some earlier values that says the same in another layout, else the value itself."""
    return next((each for each in before if each is not None and _is_equivalent(each, value, lookup_text)), value)


def _visible_characters(text: str) -> str:
    return _INVISIBLE.sub("", _BULLET.sub("", text))


def _is_equivalent(old: Value, new: Value | None, lookup_text: TextLookup) -> bool:
    match old, new:
        case TextValue(), TextValue():
            return old.translation_kind == new.translation_kind and _is_equal_reference(old.text, new.text, lookup_text)
        case TextListValue(), TextListValue():
            # As one text each: where a list breaks its lines is layout, too.
            return old.translation_kind == new.translation_kind and is_same_text(
                _join_texts(old, lookup_text), _join_texts(new, lookup_text)
            )
        case Rating(), Rating():
            return structs.replace(old, stated_as=None, irm_report=None) == structs.replace(
                new, stated_as=None, irm_report=None
            ) and all(
                _is_equal_reference(one, other, lookup_text)
                for one, other in ((old.stated_as, new.stated_as), (old.irm_report, new.irm_report))
            )
    return old == new


def _join_texts(value: TextListValue, lookup_text: TextLookup) -> str | None:
    words = [lookup_text(reference) for reference in value.texts]
    return None if None in words else "\n".join(filter(None, words))


def _is_equal_reference(old: str | None, new: str | None, lookup_text: TextLookup) -> bool:
    if old is None or new is None:
        return old is new
    return old == new or is_same_text(lookup_text(old), lookup_text(new))
