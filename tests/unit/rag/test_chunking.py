from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ingest.chunking import chunk
from rag.values import Block, BlockKind, ChunkDraft, ParsedDocument

KINDS = [kind for kind in BlockKind if kind is not BlockKind.HEADING]


def words(text: str) -> int:
    """Count tokens as a tokenizer with two marks around every text would."""
    return len(text.split()) + 2


def document(
    *parts: tuple[BlockKind, str] | tuple[BlockKind, str, int], title: str = "Title"
) -> ParsedDocument:
    blocks: list[Block] = []
    text = ""
    for kind, content, *rest in parts:
        text += "\n\n" if text else ""
        level = rest[0] if rest else (1 if kind is BlockKind.HEADING else 0)
        blocks.append(Block(kind, len(text), len(text) + len(content), int(level)))
        text += content
    return ParsedDocument(title, text, tuple(blocks), "en")


def heading(text: str, level: int = 1) -> tuple[BlockKind, str, int]:
    return BlockKind.HEADING, text, level


def paragraph(count: int, word: str = "word") -> tuple[BlockKind, str]:
    return BlockKind.PARAGRAPH, " ".join([word] * count)


def texts(parsed: ParsedDocument, drafts: Sequence[ChunkDraft]) -> list[str]:
    return [parsed.text[draft.start : draft.end] for draft in drafts]


_word = st.text(alphabet="abcé.:?-|", min_size=1, max_size=12)
_line = st.lists(_word, min_size=1, max_size=30).map(" ".join)
_body = st.tuples(
    st.sampled_from(KINDS), st.lists(_line, min_size=1, max_size=8).map("\n".join), st.integers(0, 2)
)
_heading_text = st.lists(_word, min_size=1, max_size=8).map(" ".join)
_heading = st.tuples(st.just(BlockKind.HEADING), _heading_text, st.integers(1, 4))
_documents = st.lists(_body | _heading, min_size=1, max_size=14).map(lambda parts: document(*parts))


@settings(deadline=None)
@given(parsed=_documents, target=st.integers(4, 40), slack=st.integers(0, 30), tiny=st.integers(0, 10))
def test_chunks_are_exact_ordered_and_cover_the_text(
    parsed: ParsedDocument, target: int, slack: int, tiny: int
) -> None:
    maximum = target + slack

    drafts = chunk(parsed, count_tokens=words, target_tokens=target, max_tokens=maximum, tiny_tokens=tiny)

    assert [draft.ordinal for draft in drafts] == list(range(len(drafts)))
    assert all(first.end <= second.start for first, second in zip(drafts, drafts[1:], strict=False))
    for draft in drafts:
        text = parsed.text[draft.start : draft.end]
        assert text and text == text.strip()
        assert draft.tokens == words(text)
        assert draft.tokens <= maximum or len(text.split()) == 1
    covered = {position for draft in drafts for position in range(draft.start, draft.end)}
    for block in parsed.blocks:
        if block.kind is not BlockKind.HEADING:
            span = range(block.start, block.end)
            assert all(position in covered for position in span if not parsed.text[position].isspace())


@settings(deadline=None)
@given(parsed=_documents)
def test_every_heading_is_in_a_path_or_in_a_chunk(parsed: ParsedDocument) -> None:
    drafts = chunk(parsed, count_tokens=words, target_tokens=20, max_tokens=30, tiny_tokens=5)

    seen = "\n".join([*texts(parsed, drafts), *(draft.heading for draft in drafts)])
    for block in parsed.blocks:
        if block.kind is BlockKind.HEADING:
            assert parsed.text[block.start : block.end] in seen


def test_a_short_document_is_one_chunk_without_the_title_above_it() -> None:
    parsed = document(heading("Title"), paragraph(10), heading("Part", 2), paragraph(10))

    (draft,) = chunk(parsed, count_tokens=words)

    assert texts(parsed, [draft]) == [parsed.text.removeprefix("Title\n\n")]
    assert draft.heading == ""


def test_a_chunk_keeps_to_one_heading_and_knows_its_path() -> None:
    parsed = document(
        heading("Title"),
        paragraph(60, "intro"),
        heading("Fees", 2),
        paragraph(60, "fee"),
        heading("Base", 3),
        paragraph(60),
    )

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=150)

    assert [draft.heading for draft in drafts] == ["", "Fees", "Fees › Base"]
    assert [text.split()[0] for text in texts(parsed, drafts)] == ["intro", "fee", "word"]


def test_sections_are_cut_where_sizes_come_close_to_the_target() -> None:
    parsed = document(*[paragraph(30) for _ in range(12)])

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert [draft.tokens for draft in drafts] == [92, 92, 92, 92]


def test_tiny_sections_join_their_neighbour_with_their_headings() -> None:
    parsed = document(
        heading("FAQ"),
        heading("Questions", 2),
        heading("Is it free?", 3),
        paragraph(3, "yes"),
        heading("Is it slow?", 3),
        paragraph(40, "no"),
        heading("Why so?", 3),
        paragraph(120),
        title="FAQ",
    )

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160, tiny_tokens=20)

    first = parsed.text[drafts[0].start : drafts[0].end]
    assert first.startswith("Is it free?\n\nyes yes yes\n\nIs it slow?\n\nno")
    assert [draft.heading for draft in drafts] == ["Questions", "Questions › Why so?"]


def test_a_heading_with_nothing_under_it_is_found() -> None:
    parsed = document(
        heading("Title"), paragraph(100), heading("Empty", 2), heading("Full", 2), paragraph(100)
    )

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert "Empty" in texts(parsed, drafts)


def test_a_parent_heading_alone_is_in_the_path_only() -> None:
    parsed = document(heading("A"), heading("B", 2), paragraph(150), heading("C", 2), paragraph(150))

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert [draft.heading for draft in drafts] == ["A › B", "A › C"]


def test_a_document_of_headings_only_is_found() -> None:
    parsed = document(heading("Title"), heading("One", 2), heading("Two", 2))

    assert texts(parsed, chunk(parsed, count_tokens=words)) == ["One\n\nTwo"]


def test_tables_and_code_that_fit_stay_whole() -> None:
    table = "\n".join(["a | b"] * 30)
    code = "\n".join(["lncli x"] * 70)
    parsed = document(paragraph(80), (BlockKind.TABLE, table), paragraph(80), (BlockKind.CODE, code))

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert sum(table in text for text in texts(parsed, drafts)) == 1
    assert sum(code in text for text in texts(parsed, drafts)) == 1
    assert BlockKind.CODE in {draft.kind for draft in drafts}


def test_long_tables_are_cut_between_rows_and_long_code_between_lines() -> None:
    for kind in (BlockKind.TABLE, BlockKind.CODE):
        parsed = document((kind, "\n".join(f"row {n} | cell" for n in range(100))))

        drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

        assert len(drafts) > 2
        assert all(text.startswith("row") and text.endswith("cell") for text in texts(parsed, drafts))
        assert all(draft.kind is kind for draft in drafts)


def test_long_paragraphs_are_cut_between_sentences() -> None:
    sentence = "The node sends a message to its peer and waits for the answer."
    parsed = document((BlockKind.PARAGRAPH, " ".join([sentence] * 40)))

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert len(drafts) > 3
    assert all(text.startswith("The node") and text.endswith("answer.") for text in texts(parsed, drafts))


def test_a_paragraph_of_any_length_is_cut_between_sentences() -> None:
    sentence = "The node sends a message to its peer and waits for the answer."
    parsed = document((BlockKind.PARAGRAPH, " ".join([sentence] * 3_000) + " " + "x" * 9_000 + " End."))

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    found = texts(parsed, drafts)
    assert sum(text.count(sentence) for text in found) == 3_000
    assert found[-1].endswith("x End.")


def test_a_word_longer_than_the_maximum_is_cut_too() -> None:
    parsed = document((BlockKind.CODE, "f" * 5_000))

    drafts = chunk(parsed, count_tokens=lambda text: len(text) // 3, target_tokens=100, max_tokens=160)

    assert "".join(texts(parsed, drafts)) == "f" * 5_000
    assert all(draft.tokens <= 160 for draft in drafts)


def test_what_a_colon_announces_stays_with_it() -> None:
    announce = (BlockKind.PARAGRAPH, "word " * 44 + "run this:")
    parsed = document(paragraph(50), announce, (BlockKind.CODE, "lncli " * 50), paragraph(50), title="")

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert any("run this:\n\nlncli" in text for text in texts(parsed, drafts))


def test_the_page_is_the_one_where_the_chunk_begins() -> None:
    text = "one " * 100 + "\n\n" + "two " * 100
    blocks = (Block(BlockKind.PARAGRAPH, 0, 399, 0, 3), Block(BlockKind.PARAGRAPH, 402, 801, 0, 4))
    parsed = ParsedDocument("t", text.rstrip(), blocks, "en", 4)

    drafts = chunk(parsed, count_tokens=words, target_tokens=100, max_tokens=160)

    assert [draft.page for draft in drafts] == [3, 4]


def test_tokens_are_counted_a_few_times_at_most() -> None:
    counted = 0

    def counting(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return words(text)

    parsed = document(
        *[paragraph(25) for _ in range(200)], (BlockKind.CODE, "\n".join(["lncli getinfo"] * 2_000))
    )

    chunk(parsed, count_tokens=counting, target_tokens=100, max_tokens=160)

    assert counted < 5 * len(parsed.text)
