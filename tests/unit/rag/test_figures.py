from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.figures import figures, spoken_figures


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("10,000 sat", "10 000 sat"),
        ("10\u202f000 sat", "10000 sat"),
        ("20 835 937,5", "20,835,937.5"),
        ("0.5 %", "0,5 %"),
        ("1.50", "1.5"),
        ("007", "7"),
        ("BOLT 11", "BOLT11"),
        ("the 144-block delay", "144 blocs"),
    ],
)
def test_one_figure_in_two_notations_is_the_same(left: str, right: str) -> None:
    assert figures(left, strict=True) == figures(right, strict=True)


@pytest.mark.parametrize(
    ("asked", "text"), [("0.18", "0.18.3"), ("1,000", "1.000 exactly"), ("2016", "2 016")]
)
def test_a_figure_is_found_in_another_reading_of_the_text(asked: str, text: str) -> None:
    assert figures(asked, strict=True) <= figures(text)


@pytest.mark.parametrize(
    ("asked", "text"), [("100", "10"), ("1.5", "15"), ("144", "1440"), ("0.19", "0.18.3")]
)
def test_another_figure_is_not_found(asked: str, text: str) -> None:
    assert not figures(asked, strict=True) <= figures(text)


def test_two_figures_side_by_side_are_also_read_apart() -> None:
    assert {"2", "100", "2100"} <= figures("pages 2 100")


@pytest.mark.parametrize(
    ("text", "loose", "strict"),
    [
        ("three peers", {"3"}, {"3"}),
        ("trois pairs", {"3"}, {"3"}),
        ("both of them", {"2"}, set()),
        ("un nœud neuf", {"1", "9"}, set()),
        ("5 pour cent", {"100"}, set()),
        ("nothing", set(), set()),
    ],
)
def test_words_are_figures_unless_they_may_mean_something_else(
    text: str, loose: set[str], strict: set[str]
) -> None:
    assert spoken_figures(text) == loose
    assert spoken_figures(text, strict=True) == strict


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,' \u00a0ab", max_size=30))
def test_what_is_looked_for_is_found_in_the_text_itself(text: str) -> None:
    assert figures(text, strict=True) <= figures(text)
