from __future__ import annotations

import pytest

from rag.ingest.errors import ParseError
from rag.ingest.parsers import ParseLimits, parse
from rag.ingest.parsers.glyphs import repair_letters
from rag.ingest.parsers.pdf_layout import HYPHEN, Line, PageArea, blocks_of
from rag.values import BlockKind, ParsedDocument
from tests.factories_documents import PdfLine, build_pdf, column, encrypted_pdf, picture_pdf

BODY = [
    "A channel is opened with a funding transaction that both peers know about and",
    "watch. It stays open until one of them closes it, with the other or by force.",
]


def read(data: bytes, limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(data, filename="report.pdf", media_type=None, limits=limits or ParseLimits())


def code_of(data: bytes, limits: ParseLimits | None = None) -> str:
    with pytest.raises(ParseError) as caught:
        read(data, limits)
    assert str(caught.value)
    return caught.value.code


def rows(document: ParsedDocument) -> list[tuple[str, int | None, str]]:
    return [
        (block.kind.value, block.page, document.text[block.start : block.end]) for block in document.blocks
    ]


def line(
    text: str, y: float = 700, x: float = 72, right: float = 540, page: int = 1, size: float = 10
) -> Line:
    return Line(text, page, x, right, y, y, size)


def layout(lines: list[Line], pages: int = 1) -> list[tuple[BlockKind, str, int, int]]:
    return list(blocks_of(lines, {number: PageArea(0, 0, 612, 792) for number in range(1, pages + 1)}))


def test_paragraphs_are_rebuilt_headings_found_and_pages_kept() -> None:
    first = [
        PdfLine("Channels", 730, size=20),
        *column(BODY),
        PdfLine("Fees", 640, size=14, font="Helvetica-Bold"),
        *column(["Fees are set by each node."], top=620),
        *column(["- base fee", "- fee rate"], top=590),
        *column(["lncli getinfo", "  --network=testnet"], top=550, font="Courier"),
    ]

    parsed = read(build_pdf([first, column(["On the second page."])]))

    assert parsed.title == "Channels"
    assert parsed.pages == 2
    assert rows(parsed) == [
        ("heading", 1, "Channels"),
        ("paragraph", 1, " ".join(BODY)),
        ("heading", 1, "Fees"),
        ("paragraph", 1, "Fees are set by each node."),
        ("list_item", 1, "base fee"),
        ("list_item", 1, "fee rate"),
        ("code", 1, "lncli getinfo\n  --network=testnet"),
        ("paragraph", 2, "On the second page."),
    ]


def test_a_declared_title_counts_only_if_the_first_page_shows_it() -> None:
    pages = [[PdfLine("Real title", 730, size=20), *column(BODY)]]

    assert read(build_pdf(pages, title="real TITLE")).title == "real TITLE"
    assert read(build_pdf(pages, title="Your Title")).title == "Real title"
    assert read(build_pdf([column(BODY)])).title == "report"


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = [
        [PdfLine("Node guide - chapter 1", 760), *column(BODY), PdfLine(f"Page {n} of 4", 40)]
        for n in range(1, 5)
    ]

    parsed = read(build_pdf(pages))

    assert "Page" not in parsed.text
    assert "Node guide" not in parsed.text
    assert [block.page for block in parsed.blocks] == [1, 2, 3, 4]


def test_words_cut_at_a_line_end_are_joined_and_true_hyphens_kept() -> None:
    texts = [
        "The peer-to-peer network routes every pay-",
        "ment, and each peer-",
        "to-peer link has its own fee.",
    ]

    parsed = read(build_pdf([column(texts)]))

    assert (
        parsed.text
        == "The peer-to-peer network routes every payment, and each peer-to-peer link has its own fee."
    )


def test_a_sentence_that_runs_over_the_page_is_one_paragraph() -> None:
    parsed = read(
        build_pdf([column(["The sentence begins on the first page and"]), column(["ends on the second."])])
    )

    assert rows(parsed) == [("paragraph", 1, "The sentence begins on the first page and ends on the second.")]


def test_pictures_of_pages_are_told_from_empty_pages() -> None:
    assert code_of(picture_pdf(3)) == "scanned_only"
    assert code_of(build_pdf([[], []])) == "empty"


def test_protected_damaged_and_long_files_say_so() -> None:
    good = build_pdf([column(BODY)] * 3)

    assert code_of(encrypted_pdf()) == "encrypted"
    assert code_of(b"%PDF-1.7\n" + b"nothing of a PDF " * 50) == "damaged"
    assert code_of(good[: len(good) // 2]) == "damaged"
    assert code_of(good, ParseLimits(max_pages=2)) == "too_many_pages"
    assert code_of(good, ParseLimits(max_characters=200)) == "too_long"


def test_indented_first_lines_start_paragraphs() -> None:
    found = layout(
        [
            line("The first paragraph fills the whole of its line here", 700),
            line("and ends in the middle.", 688, right=200),
            line("The second is indented and also fills its whole line", 676, x=87),
            line("without a gap above it.", 664),
        ]
    )

    assert [text for _, text, _, _ in found] == [
        "The first paragraph fills the whole of its line here and ends in the middle.",
        "The second is indented and also fills its whole line without a gap above it.",
    ]


def test_a_hyphen_that_joined_two_lines_is_resolved_by_the_documents_words() -> None:
    found = layout(
        [line(f"on{HYPHEN}chain and off{HYPHEN}line funds, on-chain"), line("and offline too.", 688)]
    )

    assert found[0][1] == "on-chain and offline funds, on-chain and offline too."


def test_letters_with_a_wrong_code_are_guessed_from_common_words() -> None:
    lines = [
        line("whi\rh \ran be se\rure, the \rhannel in whi\rh you \rould send"),
        line("\x10o\x1bers\x11 and \x1cnes"),
    ]

    repaired = [entry.text for entry in repair_letters(lines)]

    assert repaired == ["which can be secure, the channel in which you could send", "“offers” and fines"]


def test_a_code_that_no_word_explains_becomes_a_space() -> None:
    assert [entry.text for entry in repair_letters([line("rusty\x08example")])] == ["rusty example"]
