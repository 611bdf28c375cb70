from __future__ import annotations

import re
from array import array
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.embedders.base import EmbedderUnavailable
from rag.embedders.e5_native import NativeE5
from rag.embedders.e5_tokenizer import Tokenizer
from rag.embedders.e5_weights import Vocabulary, WeightFile, find_weights

PIECES = ["<s>", "</s>", "<unk>", " ", "a", "b", " a", "ab", " ab", " b"]
SCORES = [0.0, 0.0, 0.0, -3.0, -4.0, -4.0, -3.0, -1.0, -9.0, -3.0]


def tiny(**changes: object) -> Tokenizer:
    values: dict[str, object] = {
        "ids": {piece: n for n, piece in enumerate(PIECES)},
        "scores": array("f", SCORES),
        "begin": 0,
        "end": 1,
        "unknown": 2,
        "replacements": {ord("\n"): " ", ord("ﬀ"): "ab", ord("\u00ad"): ""},
    }
    return Tokenizer(Vocabulary(**(values | changes)))  # type: ignore[arg-type]


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    return [PIECES[token] for token in tokenizer.encode(text)]


def test_the_segmentation_with_the_best_sum_of_scores_is_found() -> None:
    # " " + "ab" scores -4, the single piece " ab" -9, " a" + "b" -7.
    assert pieces(tiny(), "ab") == [" ", "ab"]


def test_a_character_without_a_piece_becomes_one_unknown_token() -> None:
    assert pieces(tiny(), "a??b") == [" a", "<unk>", "<unk>", "b"]


def test_replacements_are_made_before_segmentation() -> None:
    assert pieces(tiny(), "a\nﬀ\u00adb") == [" a", " ", "ab", "b"]


def test_blanks_around_what_vanishes_are_one_run() -> None:
    assert pieces(tiny(), "a \u00ad b") == pieces(tiny(), "a b")


def test_runs_of_spaces_count_as_one() -> None:
    assert pieces(tiny(), "a \n  b") == pieces(tiny(), "a b") == [" a", " b"]


def test_a_word_has_the_same_tokens_the_second_time_and_after_many_others() -> None:
    tokenizer = tiny()
    first = tokenizer.encode("abba")
    for n in range(25_000):
        tokenizer.encode(f"{n:b}".replace("0", "a").replace("1", "b"))

    assert tokenizer.encode("abba") == first


def test_a_vocabulary_with_a_piece_across_two_words_is_refused() -> None:
    ids = {piece: n for n, piece in enumerate([*PIECES[:-1], "a b"])}

    with pytest.raises(ValueError, match="two words"):
        tiny(ids=ids)


@given(st.text(alphabet="ab \n?é", max_size=40))
def test_tokens_spell_the_text(text: str) -> None:
    tokenizer = tiny()

    spelled = "".join("?" if piece == "<unk>" else piece for piece in pieces(tokenizer, text))

    assert spelled == re.sub("[ \n]+", " ", text if text[:1] in (" ", "\n") else f" {text}").replace("é", "?")


@pytest.fixture(scope="module")
def real() -> Tokenizer:
    try:
        return Tokenizer(WeightFile(find_weights()).vocabulary())
    except EmbedderUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def count_natively() -> Callable[[str], int]:
    try:
        engine = NativeE5(model_id="")
    except EmbedderUnavailable as error:
        pytest.skip(str(error))
    return lambda text: int(engine._model.token_count(text))


# The package reads C strings, which end at a NUL, and its UTF-8 has no lone surrogates.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)


@given(TEXTS)
@example("")
@example("   ")
@example("\x1f ")
@example("a \u200b b \ufeff")
@example("l’élève  ﬁn ½ ① \t tab\nligne  x \u00a0 y")
@example("日本語テスト、これは長い文です。")
@example("🙂 emoji 🙂🙂 ＡＢＣ Привет مرحبا")
@example("<s> <unk> </s> <mask>")
@example("`lncli openchannel --node_key=02" + "ab" * 32 + "` ▁ ▁▁x")
def test_texts_have_as_many_tokens_as_in_the_package(
    real: Tokenizer, count_natively: Callable[[str], int], text: str
) -> None:
    assert len(real.passage(text)) == count_natively(text)


def test_passages_and_questions_carry_their_prefix_and_special_tokens(real: Tokenizer) -> None:
    content = real.encode("passage: Un canal")

    assert real.passage("Un canal") == [0, *content, 2]
    assert real.query("Un canal")[1:-1] == real.encode("query: Un canal")
