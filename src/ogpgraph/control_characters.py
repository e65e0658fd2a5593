"""Control characters are shown, not executed: terminals obey them, and what others wrote may contain them.

ESC begins a command to a terminal, as do the C1 controls; the bidirectional ones reorder what stands beside them.
"""

from __future__ import annotations

import re
from typing import Final

# C0, DEL and C1; the marks, embeddings, overrides and isolates of bidirectional text; separators of lines and
# paragraphs; deprecated formats, annotations and the byte order mark; half surrogates, which cannot be written at all.
_SPACING: Final = r"\t\n"
_OTHERS: Final = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
)
_ALL: Final = re.compile(f"[{_SPACING}{_OTHERS}]")
_BUT_SPACING: Final = re.compile(f"[{_OTHERS}]")


def escape_control_characters(text: str, *, keep_lines: bool = False) -> str:
    r"""Return a text in which each control character is written as `\u001b`, as in JSON.

    Line feeds and tabs are, too, unless `keep_lines`: they would let a value look like several lines.
    """
    return (_BUT_SPACING if keep_lines else _ALL).sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
