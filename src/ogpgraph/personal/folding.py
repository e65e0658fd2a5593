"""Folds a text before personal data is looked for: whatever hides an address or a number from a search, but not from a
reader or a browser, is replaced by what it stands for. Each folded character knows its place in the original.
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from dataclasses import dataclass

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_OTHER_FORMS = "\uff01-\uff5e\ufe50-\ufe6b\u2024\u3002\uff61\U0001d400-\U0001d7ff"
"""Full-width, small and mathematical forms of ASCII characters, and the full stops of other scripts."""
_FULL_STOPS = "\u3002\uff61"
# "&#64;", "&commat;", also escaped twice; "%40", also encoded twice. All bounded, so that the time is linear.
_HIDING = re.compile(
    rf"(?P<invisible>[{_INVISIBLE}]+)|(?P<form>[{_OTHER_FORMS}])|(?P<digit>(?![0-9])\d)"
    r"|&(?:amp;){0,3}(?P<reference>#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,10});"
    r"|%(?:25){0,3}(?P<escape>[2-7][0-9a-fA-F])"
)


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A folded text; its character number `n` stands for `original[starts[n] : ends[n]]`."""

    text: str
    starts: array[int] | range
    ends: array[int] | range


def fold_hidden(text: str) -> FoldedText:
    """Fold a text: without invisible characters, with the characters that references and escapes stand for, in ASCII
    digits and plain forms. Accents, case and blanks stay.
    """
    if _is_plain(text) or not _HIDING.search(text):
        return FoldedText(text, range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts, ends = array("l"), array("l")
    position = 0
    for found in _HIDING.finditer(text):
        _keep(text, position, found.start(), pieces, starts, ends)
        shown = _shown(found)
        pieces.append(shown)
        starts.extend([found.start()] * len(shown))
        ends.extend([found.end()] * len(shown))
        position = found.end()
    _keep(text, position, len(text), pieces, starts, ends)
    return FoldedText("".join(pieces), starts, ends)


def _is_plain(text: str) -> bool:
    """Return whether a text obviously hides nothing, which is found much faster than by searching."""
    return text.isascii() and "&" not in text and "%" not in text


def _keep(text: str, start: int, end: int, pieces: list[str], starts: array[int], ends: array[int]) -> None:
    pieces.append(text[start:end])
    starts.extend(range(start, end))
    ends.extend(range(start + 1, end + 1))


def _shown(found: re.Match[str]) -> str:
    """Return what a match stands for; itself where it is no reference after all."""
    if found["invisible"]:
        return ""
    if character := found["form"]:
        return "." if character in _FULL_STOPS else unicodedata.normalize("NFKC", character)
    if found["digit"]:
        return str(unicodedata.decimal(found["digit"]))
    if found["escape"]:
        return chr(int(found["escape"], 16))
    shown = html.unescape(f"&{found['reference']};")
    # A line end or an invisible character behind a reference is nothing that a number or an address contains.
    return shown if (len(shown) == 1 and shown.isprintable()) or shown == "\u00a0" else found[0]
