"""The stems of words: what the inflected forms of a word have in common, by Snowball's algorithm for the language.

A language for which there is none has no stems: its words are compared by their forms.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Final

import Stemmer

_ALGORITHMS: Final = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""Language → the name of its algorithm."""


class LanguageStemmer:
    """The stems of one language."""

    def __init__(self, algorithm: str) -> None:
        self._stemmer = Stemmer.Stemmer(algorithm, 0)
        self._lock = threading.Lock()  # a stemmer has a buffer of its own

    def stem(self, form: str) -> str:
        """Return the stem of a form."""
        with self._lock:
            stem: str = self._stemmer.stemWord(form)
        return stem


@cache
def find_stemmer(language: str) -> LanguageStemmer | None:
    """Return the stemmer of a language, None where there is none."""
    algorithm = _ALGORITHMS.get(language)
    return LanguageStemmer(algorithm) if algorithm else None
