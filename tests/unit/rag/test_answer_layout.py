"""An answer is cut into blocks and runs without losing, inventing or trusting anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.answer_layout import AnswerBlock, AnswerBlockKind, Inline, InlineKind, answer_blocks


def words(blocks: tuple[AnswerBlock, ...]) -> str:
    return "".join(run.text for block in blocks for item in block.items for run in item)


def runs(answer: str, *citations: int, unsupported: tuple[str, ...] = ()) -> list[Inline]:
    return [
        run for block in answer_blocks(answer, citations, unsupported) for item in block.items for run in item
    ]


def test_a_known_marker_becomes_a_citation() -> None:
    assert runs("Pay yourself [1].", 1) == [
        Inline(InlineKind.TEXT, "Pay yourself\N{NO-BREAK SPACE}"),
        Inline(InlineKind.CITATION, "1", 1),
        Inline(InlineKind.TEXT, "."),
    ]


def test_several_numbers_in_one_marker_are_several_citations() -> None:
    found = [run.n for run in runs("Yes [1, 3].", 1, 3) if run.kind is InlineKind.CITATION]

    assert found == [1, 3]


def test_a_marker_without_its_citation_stays_text() -> None:
    assert runs("See [7] and list[0].", 1) == [Inline(InlineKind.TEXT, "See [7] and list[0].")]


def test_code_and_strong_text_lose_their_signs_only() -> None:
    assert runs("Use `lncli` **now**") == [
        Inline(InlineKind.TEXT, "Use "),
        Inline(InlineKind.CODE, "lncli"),
        Inline(InlineKind.TEXT, " "),
        Inline(InlineKind.STRONG, "now"),
    ]


def test_neighbouring_points_are_one_list() -> None:
    blocks = answer_blocks("Two ways:\n- first [1]\n- second\n\n1. one\n2. two", (1,))

    assert [(block.kind, len(block.items)) for block in blocks] == [
        (AnswerBlockKind.PARAGRAPH, 1),
        (AnswerBlockKind.BULLETS, 2),
        (AnswerBlockKind.NUMBERS, 2),
    ]


def test_a_fenced_block_is_verbatim() -> None:
    blocks = answer_blocks("Run:\n```shell\nlncli `x` [1]\n```\nThen wait.", (1,))

    assert [block.kind for block in blocks] == [
        AnswerBlockKind.PARAGRAPH,
        AnswerBlockKind.CODE,
        AnswerBlockKind.PARAGRAPH,
    ]
    assert blocks[1].items == ((Inline(InlineKind.CODE, "lncli `x` [1]"),),)


def test_a_sentence_without_support_is_marked_once_at_its_end() -> None:
    answer = "Good [1]. Nobody says this **at all**. Fine."

    marked = [
        run for run in runs(answer, 1, unsupported=("Nobody says this **at all**.",)) if not run.supported
    ]

    assert "".join(run.text for run in marked) == "Nobody says this ."
    assert [run.flagged for run in marked] == [False, True]


def test_the_same_words_twice_are_marked_in_order() -> None:
    marked = [run for run in runs("Wait. Wait. Go.", unsupported=("Wait.", "Wait.")) if not run.supported]

    assert [run.text for run in marked] == ["Wait.", "Wait."]


@given(st.text(alphabet="ab. \n-1[]`*#"), st.sets(st.integers(0, 3)), st.lists(st.text("ab. ", min_size=1)))
def test_no_letter_is_lost_or_added(answer: str, citations: set[int], unsupported: list[str]) -> None:
    shown = words(answer_blocks(answer, citations, unsupported))

    def letters(text: str) -> str:
        return "".join(character for character in text if character in "ab#")

    assert letters(shown) == letters(answer) or "```" in answer
