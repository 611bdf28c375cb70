from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
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
_heading = st.tuples(st.just(BlockKind.HEADING), _line, st.integers(1, 4))
_documents = st.lists(_body | _heading, min_size=1, max_size=14).map(lambda parts: document(*parts))


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


@given(parsed=_documents)
def test_every_heading_is_in_a_path_or_in_a_chunk(parsed: ParsedDocument) -> None:
    drafts = chunk(parsed, count_tokens=words, target_tokens=20, max_tokens=30, tiny_tokens=5)

    seen = "\n".join([*texts(parsed, drafts), *(draft.heading for draft in drafts)])
    for block in parsed.blocks:
        if block.kind is BlockKind.HEADING:
            assert all(word[:100] in seen for word in parsed.text[block.start : block.end].split())
