"""The reader shows every character of a document once, and marks the quotation wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from rag.reader_layout import Node, Piece, Span, layout, outline, split_parts
from rag.values import Block, BlockKind

H, P, LI, TABLE = BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.TABLE


def document(*parts: tuple[BlockKind, str]) -> tuple[str, tuple[Block, ...]]:
    blocks, text = [], ""
    for kind, words in parts:
        text += "\n\n" if text else ""
        blocks.append(Block(kind, len(text), len(text) + len(words), level=1 if kind is H else 0))
        text += words
    return text, tuple(blocks)


def pieces(nodes: tuple[Node, ...]) -> Iterator[Piece]:
    for node in nodes:
        yield from node.pieces
        for item in node.items:
            yield from item.pieces
        for row in node.rows:
            for cell in row:
                yield from cell


def marked(nodes: tuple[Node, ...]) -> list[str]:
    return [piece.text for piece in pieces(nodes) if piece.marked]


def test_a_quotation_inside_a_paragraph_is_cut_out() -> None:
    text, blocks = document((P, "One two three."))

    assert layout(text, blocks, Span(4, 7))[0].pieces == (
        Piece("One "),
        Piece("two", marked=True, first=True),
        Piece(" three."),
    )


def test_a_quotation_over_several_blocks_is_marked_in_each_and_begins_once() -> None:
    text, blocks = document((H, "Title"), (P, "First."), (LI, "a point"), (LI, "another"), (P, "End."))
    span = Span(text.index("First"), text.index("another") + 3)

    nodes = layout(text, blocks, span)

    assert marked(nodes) == ["First.", "a point", "ano"]
    assert [piece.text for piece in pieces(nodes) if piece.first] == ["First."]


def test_a_quotation_crosses_the_cells_of_a_table() -> None:
    text, blocks = document((TABLE, "state | LND\nopen | active: true\nclosed | -"))
    span = Span(text.index("LND"), text.index("active") + 6)

    [node] = layout(text, blocks, span)

    assert [["".join(piece.text for piece in cell) for cell in row] for row in node.rows] == [
        ["state", "LND"],
        ["open", "active: true"],
        ["closed", "-"],
    ]
    assert marked((node,)) == ["LND", "open", "active"]


def test_neighbouring_list_items_become_one_list_and_numbers_are_recognised() -> None:
    text, blocks = document((LI, "1. one"), (LI, "2. two"), (P, "Between."), (LI, "bullet"))

    first, between, second = layout(text, blocks)

    assert [item.numbered for item in first.items] == [True, True]
    assert between.kind is P
    assert [item.numbered for item in second.items] == [False]


def test_each_page_is_opened_once() -> None:
    text, blocks = document((P, "a"), (P, "b"), (P, "c"))
    paged = tuple(Block(b.kind, b.start, b.end, page=page) for b, page in zip(blocks, (1, 1, 2), strict=True))

    assert [node.opens_page for node in layout(text, paged)] == [1, None, 2]


def test_a_long_document_is_split_at_blocks_and_every_place_has_its_part() -> None:
    text, blocks = document(*[(P, "x" * 40)] * 10)

    parts = split_parts(blocks, size=100)

    assert len(parts) == 5
    assert sum((list(parts.blocks_of(number)) for number in range(1, 6)), []) == list(blocks)
    for number in range(1, 6):
        for block in parts.blocks_of(number):
            assert {parts.part_at(block.start), parts.part_at(block.end - 1)} == {number}


def test_an_empty_document_has_one_empty_part() -> None:
    parts = split_parts(())

    assert (len(parts), parts.blocks_of(1), parts.part_at(5)) == (1, (), 1)


def test_the_outline_holds_the_upper_headings_with_their_part() -> None:
    text, blocks = document((H, "One"), (P, "x" * 90), (H, "Two"), (P, "y"))
    deep = (*blocks, Block(H, 0, 3, level=5))

    found = outline(text, split_parts(deep, size=80))

    assert [(heading.text, heading.part) for heading in found] == [("One", 1), ("Two", 3)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([H, P, LI, BlockKind.CODE, BlockKind.QUOTE]), st.text("ab |\n<", min_size=1)
        )
    ),
    st.integers(0, 200),
    st.integers(0, 200),
)
def test_every_character_is_shown_once_and_exactly_the_span_is_marked(
    blocks_of: list[tuple[BlockKind, str]], start: int, length: int
) -> None:
    text, blocks = document(*blocks_of)
    span = Span(start, start + length)

    nodes = layout(text, blocks, span)

    assert "".join(piece.text for piece in pieces(nodes)) == "".join(text[b.start : b.end] for b in blocks)
    inside = "".join(text[max(b.start, span.start) : max(min(b.end, span.end), b.start)] for b in blocks)
    assert "".join(marked(nodes)) == inside
    assert sum(piece.first for piece in pieces(nodes)) == (1 if inside else 0)
