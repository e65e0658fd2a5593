"""The points of what is found: integers that depend on the query and on the object that is found, on nothing else.

A word of the query gets in each text of an object

    weight of the field * (form + frequency + brevity)

- *form*: how near the word in the text is to that of the query (`Form`), of several the nearest;
- *frequency*: how often it is there, up to four times;
- *brevity*: 8 less the number of binary digits of the text's length in words, at least 0: a short text is about little
  else.

An object gets for a word the sum over its fields of the points of its best text in each; a code gets CODE_POINTS. Two
words that follow one another in a text as they do in the query get PAIR times the weight of its field, for the best
text. The score is the sum of all. Of two objects with equal scores the one comes first that was recorded first, and a
commitment comes before its parts.

No statistics enter: how frequent a word is elsewhere changes no score, so entries that follow change none.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

CODE_POINTS: Final = 1_000
PAIR: Final = 6
MAX_FREQUENCY: Final = 4
MAX_BREVITY: Final = 8


class Form(IntEnum):
    """How a word in a text relates to that of the query, with its points: the nearest relation has the most."""

    NEAR = 1
    """One or two letters are different."""
    BEGINNING = 4
    """The word begins as the query says."""
    STEM = 5
    """Another inflection of the word."""
    ACCENTS = 6
    """The word with accents that the query lacks."""
    EXACT = 7
    """The word as it is written in the query."""


def measure_brevity(length: int) -> int:
    """Return the points for the brevity of a text of so many words."""
    return max(0, MAX_BREVITY - length.bit_length())


def text_points(
    weights: NDArray[np.int32],
    forms: NDArray[np.uint8],
    frequencies: NDArray[np.uint8],
    brevity: NDArray[np.uint8],
) -> NDArray[np.int32]:
    """Return the points of a word in some texts; frequencies are MAX_FREQUENCY at most."""
    return weights * (forms + frequencies + brevity)
