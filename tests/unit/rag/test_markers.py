from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.markers import CitationStream, Mark, read_markers, with_plain_markers

KNOWN = 5
FRAGMENTS = [
    *(
        "[",
        "]",
        "【",
        "】",
        "(",
        ")",
        "1",
        "2",
        "5",
        "9",
        "12",
        " ",
        "\u00a0",
        "\n",
        ",",
        ";",
        "-",
        "–",
        "^",
        "#",
    ),
    *(
        "`",
        "``",
        "```",
        "†",
        "source",
        "passage",
        "extrait",
        "Passage ",
        "sou",
        "et",
        " and ",
        "n°",
        ":",
        ".",
        "x",
    ),
    *(
        "[1]",
        " [2]",
        "[9]",
        "[1, 2]",
        "[passage 3]",
        "【4†s】",
        "`a[0]`",
        "A word. ",
        "(extrait 2)",
        "[^1]",
        "°",
    ),
]
ANSWERS = st.one_of(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join), st.text(max_size=60))


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Yes [1].", "Yes [1]."),
        ("Yes [1, 2].", "Yes [1][2]."),
        ("Yes [1][2] [1].", "Yes [1][2] [1]."),
        ("Yes [2-4].", "Yes [2][3][4]."),
        ("Yes [1 and 3].", "Yes [1][3]."),
        ("Oui [1 et 3].", "Oui [1][3]."),
        ("Oui [extraits 1 et 2].", "Oui [1][2]."),
        ("Oui (extrait 2).", "Oui [2]."),
        ("Oui [n° 2].", "Oui [2]."),
        ("Yes [Passage 1; passage 2].", "Yes [1][2]."),
        ("Yes [Source: 1].", "Yes [1]."),
        ("Yes [^1].", "Yes [1]."),
        ("Yes 【1†source】.", "Yes [1]."),
        ("Yes [9].", "Yes."),
        ("Yes [0] [1][77].", "Yes [1]."),
        ("Yes [9, 2].", "Yes [2]."),
    ],
)
def test_a_marker_is_recognised_however_it_is_written(written: str, plain: str) -> None:
    assert with_plain_markers(written, KNOWN) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Two sides (2).",
        "See [the guide] and [2024].",
        "`channels[0]` is the first",
        "```\nprint(utxos[1])\n```",
        "a list: [1; two; 3]",
        "an array [1 2 3]",
        "(see 1)",
        "[a1]",
    ],
)
def test_other_brackets_are_left_alone(text: str) -> None:
    assert with_plain_markers(text, KNOWN) == text
    assert read_markers(text, KNOWN).marks == ()


def test_places_of_markers_count_in_the_text_without_them() -> None:
    marked = read_markers("One [1]. Two.[2][9] Three [1, 3]", KNOWN)

    assert marked.text == "One. Two. Three"
    assert marked.marks == (Mark(3, 1), Mark(9, 2), Mark(15, 1), Mark(15, 3))


def test_a_marker_at_the_beginning_of_a_line_takes_its_space_along() -> None:
    assert read_markers("[1] One.\n[2] Two.", KNOWN).text == "One.\nTwo."


@settings(deadline=None)
@given(ANSWERS, st.integers(0, 12))
def test_reading_removes_every_marker_and_only_markers(answer: str, known: int) -> None:
    marked = read_markers(answer, known)

    assert all(1 <= mark.number <= known and 0 <= mark.position <= len(marked.text) for mark in marked.marks)
    assert [mark.position for mark in marked.marks] == sorted(mark.position for mark in marked.marks)
    remaining = iter(answer)
    assert all(sign in remaining for sign in marked.text.replace(" ", ""))


@settings(deadline=None)
@given(ANSWERS, st.data())
def test_a_stream_shows_the_same_however_it_is_cut(answer: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=12)))
    stream = CitationStream(KNOWN)

    shown = [
        stream.feed(answer[start:end]) for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)
    ]
    shown.append(stream.finish())

    assert "".join(shown) == with_plain_markers(answer, KNOWN)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["A word", " [1]", " [9]", ".", " and [1, 2]", "\n"]), max_size=10))
def test_no_unknown_number_is_ever_shown_in_a_stream(pieces: list[str]) -> None:
    stream = CitationStream(KNOWN)

    for piece in "".join(pieces):
        shown = stream.feed(piece)

        assert "9" not in shown and shown.count("[") == shown.count("]")
    assert re.fullmatch(r"(?:[A-Za-z. \n]|\[[1-5]\])*", stream.finish())


def test_words_are_shown_at_once() -> None:
    stream = CitationStream(KNOWN)

    shown = [
        stream.feed(piece) for piece in ("A ", "channel", " (the", " path", ") has", " [", "1", "]", ".")
    ]

    assert shown == ["A", " channel", " (the", " path", ") has", "", "", " [1]", "."]
