from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ingest.errors import PARSE_ERRORS, ParseError
from rag.ingest.parsers import ParseLimits, parse
from rag.ingest.parsers.base import clean
from rag.values import ParsedDocument


def read(data: bytes, filename: str = "notes.txt", media_type: str | None = None) -> ParsedDocument:
    return parse(data, filename=filename, media_type=media_type, limits=ParseLimits())


def code_of(data: bytes, filename: str = "notes.txt", media_type: str | None = None) -> str:
    with pytest.raises(ParseError) as caught:
        read(data, filename, media_type)
    assert str(caught.value)
    return caught.value.code


def rows(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


WRAPPED = "This line was wrapped by an editor at a usual width and\nthe paragraph goes on here until its end."


def test_wrapped_paragraphs_are_joined_and_meant_lines_are_not() -> None:
    parsed = read(f"{WRAPPED}\n\n12 Main Street\nSpringfield\n".encode())

    assert rows(parsed) == [
        ("paragraph", WRAPPED.replace("\n", " ")),
        ("paragraph", "12 Main Street\nSpringfield"),
    ]


def test_headings_items_and_columns_are_recognised() -> None:
    parsed = read(
        b"Operator notes\n\nFees\n====\n- base fee\n  in msat\n- rate\n\n1. first\n2) second\n\n"
        b"name    value\nbase    1000\nrate    1\n"
    )

    assert parsed.title == "Operator notes"
    assert rows(parsed) == [
        ("heading", "Operator notes"),
        ("heading", "Fees"),
        ("list_item", "base fee in msat"),
        ("list_item", "rate"),
        ("list_item", "1. first"),
        ("list_item", "2) second"),
        ("code", "name    value\nbase    1000\nrate    1"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-32"])
def test_usual_encodings_are_told_apart(encoding: str) -> None:
    text = (
        "Le nœud déjà fermé coûte 5 sats"
        if encoding not in ("latin-1",)
        else "Le noeud déjà fermé coûte 5 sats"
    )

    assert read(text.encode(encoding)).text == text


def test_a_few_broken_bytes_do_not_turn_utf8_into_latin1() -> None:
    parsed = read("é".encode() * 50 + b"\xff" + " voilà".encode())

    assert parsed.text == "é" * 50 + "\N{REPLACEMENT CHARACTER} voilà"


def test_binary_data_named_like_a_text_is_refused() -> None:
    assert code_of(bytes(range(256)) * 20, "notes.md") == "not_text"
    assert code_of(b"\x01\x02\x03\x04" * 100, "notes.txt") == "not_text"


@pytest.mark.parametrize(
    ("data", "filename", "media_type", "code"),
    [
        (b"%PDF-1.7 ...", "notes.txt", None, "type_mismatch"),
        (b"plain text", "report.pdf", None, "type_mismatch"),
        (b"plain text", "report.docx", None, "type_mismatch"),
        (b"\x00\x01 nonsense", "report.pdf", None, "damaged"),
        (b"PK\x03\x04broken", "report.docx", None, "damaged"),
        (b"\x89PNG\r\n\x1a\n", "logo.png", None, "unsupported_type"),
        (b"\x89PNG\r\n\x1a\n", "notes.md", None, "type_mismatch"),
        (b"some text", "table.xlsx", None, "unsupported_type"),
        (b"some text", "program.exe", "application/octet-stream", "unsupported_type"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"old", "letter.doc", None, "unsupported_type"),
        (b"", "notes.txt", None, "empty"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, filename: str, media_type: str | None, code: str) -> None:
    assert code_of(data, filename, media_type) == code


def test_the_type_comes_from_the_name_then_the_media_type_then_the_content() -> None:
    markdown = b"# Head\n\ntext"

    assert rows(read(markdown, "a.md"))[0] == ("heading", "Head")
    assert rows(read(markdown, "a.txt"))[0] == ("heading", "# Head")
    assert rows(read(markdown, "download", "text/markdown; charset=utf-8"))[0][0] == "heading"
    assert rows(read(b"<!DOCTYPE html><p>Hello there</p>", "download"))[0] == ("paragraph", "Hello there")
    assert rows(read(b"<!DOCTYPE html><p>Hello there</p>", "saved.txt"))[0] == ("paragraph", "Hello there")


def test_a_file_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ParseError) as caught:
        parse(b"x" * 2_000_000, filename="a.txt", media_type=None, limits=ParseLimits(max_bytes=1_048_576))

    assert caught.value.code == "too_large"
    assert caught.value.params == {"megabytes": 2, "limit": 1}


def test_every_reason_has_a_sentence() -> None:
    params = dict.fromkeys(("megabytes", "limit", "pages", "type", "declared", "found", "seconds"), 7)

    assert all(str(ParseError(code, params)).endswith(".") for code in PARSE_ERRORS)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_clean_text_is_stable_and_printable(text: str) -> None:
    cleaned = clean(text)

    assert clean(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    assert not any(ord(character) < 32 and character not in "\n\t" for character in cleaned)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.md", "a.txt", "a.html", "a.docx", "a"]))
def test_any_bytes_are_read_or_refused_with_a_reason(data: bytes, filename: str) -> None:
    try:
        parsed = read(data, filename)
    except ParseError as error:
        assert error.code in PARSE_ERRORS and str(error)
        return
    assert all(
        first.end <= second.start for first, second in zip(parsed.blocks, parsed.blocks[1:], strict=False)
    )
    assert parsed.title
