import pycountry
import pytest

from ogpgraph.domain.language_table import find_language

LANGUAGES = [each for each in pycountry.languages if each.scope != "S"]  # "und", "mul" and the like are no languages


def test_every_code_of_iso_639_means_the_shortest_code_of_its_language() -> None:
    for language in LANGUAGES:
        names = ("alpha_2", "alpha_3", "bibliographic")
        codes = [str(getattr(language, name)) for name in names if hasattr(language, name)]
        assert {find_language(code) for code in codes} == {codes[0]}


@pytest.mark.parametrize("code", ["xx", "zzz", "und", "mul", "english", "e", "", "pt-br"])
def test_what_is_no_code_of_a_language_means_none(code: str) -> None:
    assert find_language(code) is None


def test_case_and_spaces_around_a_code_do_not_matter() -> None:
    assert find_language(" FRA ") == "fr"
