from __future__ import annotations

import pytest

from rag.ingest.errors import ParseError
from rag.ingest.parsers import MEGABYTE, ParseLimits, parse
from rag.values import ParsedDocument
from tests.factories_documents import bomb_docx, build_docx, docx_paragraph, docx_table, zip_of

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def read(data: bytes, limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(data, filename="guide.docx", media_type=None, limits=limits or ParseLimits())


def code_of(data: bytes, limits: ParseLimits | None = None) -> str:
    with pytest.raises(ParseError) as caught:
        read(data, limits)
    assert str(caught.value)
    return caught.value.code


def rows(document: ParsedDocument) -> list[tuple[str, int, str]]:
    return [
        (block.kind.value, block.level, document.text[block.start : block.end]) for block in document.blocks
    ]


def test_headings_of_any_language_lists_tables_code_and_quotes() -> None:
    parsed = read(
        build_docx(
            docx_paragraph("Fermetures", style="Titre1"),
            docx_paragraph("Le canal se ferme."),
            docx_paragraph("De force", style="Sous"),
            docx_paragraph("un point", number="1"),
            docx_paragraph("dessous", number="1", level=1),
            docx_paragraph("d'abord", number="2"),
            docx_paragraph("ensuite", number="2"),
            docx_table([["type", "délai"], ["de force", "144 blocs"], ["", ""]]),
            docx_paragraph("lncli closechannel \\", style="Code"),
            docx_paragraph("    --force", style="Code"),
            docx_paragraph("Ne fermez pas sans raison.", style="Citation"),
        )
    )

    assert rows(parsed) == [
        ("heading", 1, "Fermetures"),
        ("paragraph", 0, "Le canal se ferme."),
        ("heading", 2, "De force"),
        ("list_item", 0, "un point"),
        ("list_item", 1, "dessous"),
        ("list_item", 0, "1. d'abord"),
        ("list_item", 0, "2. ensuite"),
        ("table", 0, "type | délai\nde force | 144 blocs"),
        ("code", 0, "lncli closechannel \\\n    --force"),
        ("quote", 0, "Ne fermez pas sans raison."),
    ]
    assert parsed.language == "fr"


def test_the_title_comes_from_the_properties_then_the_title_style_then_a_heading() -> None:
    body = (docx_paragraph("Intro", style="Titre1"), docx_paragraph("Text."))

    assert read(build_docx(*body, title="Declared")).title == "Declared"
    assert read(build_docx(docx_paragraph("Styled", style="Titre"), *body)).title == "Styled"
    assert read(build_docx(*body)).title == "Intro"
    assert read(build_docx(docx_paragraph("Text."))).title == "guide"


def test_deleted_text_field_codes_and_contents_are_left_out() -> None:
    runs = (
        "<w:p><w:r><w:t>Kept </w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:r><w:instrText>PAGEREF x</w:instrText></w:r>"
        "<w:r><w:tab/><w:t>after</w:t><w:br/><w:t>break</w:t><w:noBreakHyphen/><w:t>in</w:t></w:r></w:p>"
    )

    parsed = read(build_docx(docx_paragraph("Intro ... 3", style="TM1"), runs))

    assert parsed.text == "Kept new after break-in"


def test_text_boxes_and_footnotes_are_read_once() -> None:
    box = (
        '<w:p><w:r><mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice><w:txbxContent>'
        f"{docx_paragraph('In the box')}</w:txbxContent></mc:Choice><mc:Fallback><w:pict>"
        f"{docx_paragraph('In the box')}</w:pict></mc:Fallback></mc:AlternateContent><w:t>Around.</w:t></w:r></w:p>"
    )
    notes = f"<w:footnotes {W}><w:footnote>{docx_paragraph('A note.')}</w:footnote></w:footnotes>"

    parsed = read(build_docx(box, parts={"word/footnotes.xml": notes}))

    assert parsed.text == "In the box\n\nAround.\n\nA note."


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY c SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/evil.dtd">',
    ],
)
def test_document_types_and_entities_are_refused(doctype: str) -> None:
    body = f"{doctype}<w:document {W}><w:body><w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:body></w:document>"

    assert code_of(build_docx(parts={"word/document.xml": body})) == "damaged"


def test_a_zip_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = bomb_docx(64 * MEGABYTE)

    with pytest.raises(ParseError) as caught:
        read(bomb, ParseLimits(max_decompressed_bytes=8 * MEGABYTE, max_characters=10**9))

    assert len(bomb) < MEGABYTE
    assert caught.value.code == "decompressed_too_large"
    assert caught.value.params == {"limit": 8}


def test_sizes_that_the_archive_declares_are_not_believed() -> None:
    honest = build_docx(docx_paragraph("word " * 2_000))
    size = len(zip_body(honest)).to_bytes(4, "little")
    lying = honest.replace(size, (10).to_bytes(4, "little"))

    assert lying != honest
    assert code_of(lying) == "damaged"


def zip_body(data: bytes) -> bytes:
    import zipfile
    from io import BytesIO

    return zipfile.ZipFile(BytesIO(data)).read("word/document.xml")


def test_damaged_and_foreign_archives_are_refused() -> None:
    good = build_docx(docx_paragraph("Text."))

    assert code_of(good[: len(good) // 2]) == "damaged"
    assert code_of(build_docx(parts={"word/document.xml": "<w:document><unclosed>"})) == "damaged"
    assert code_of(build_docx(parts={"word/document.xml": "<a>" * 1_000 + "</a>" * 1_000})) == "damaged"
    assert code_of(zip_of({"xl/workbook.xml": "<a/>"})) == "type_mismatch"
    assert code_of(build_docx()) == "empty"


def test_a_password_protected_document_says_so() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le")

    assert code_of(ole) == "encrypted"
