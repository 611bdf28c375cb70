"""PDF: the lines of each page with their place and size, read by pdfium. Only ever run in the sandbox."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import replace

import pypdfium2
import pypdfium2.raw as pdfium

from rag.ingest.errors import ParseError
from rag.ingest.parsers.base import DocumentBuilder, ParseLimits, one_line, title_from_name
from rag.ingest.parsers.glyphs import repair_letters
from rag.ingest.parsers.pdf_layout import Line, PageArea, blocks_of
from rag.values import BlockKind, ParsedDocument

_LINE_END = "\r\n"
"""What pdfium writes between lines; a lone control character is a letter with a wrong code."""
_BOLD_NAME = re.compile(r"bold|black|heavy|semibold|demi|CMBX|SFBX|-Medi|[-,]B$", re.I)
_FIXED_NAME = re.compile(r"mono|courier|consol|menlo|typewriter|cmtt|sftt|code", re.I)
_BOLD_WEIGHT = 600
_FIXED_PITCH_FLAG = 1
_MIN_TEXT = 20
"""A PDF of pictures may still hold a stamp or a page number."""
_NAME_SIZE = 128
_MIN_SIZE = 2.0
_SIZE_SAMPLE = 48
_TALL = frozenset("bdhklABDEFHIKLMNPRTUVWXYZ")
_ASCENDER = 0.7
"""Height of a tall letter above the baseline, in font sizes."""


def parse_pdf(data: bytes, *, filename: str, media_type: str | None, limits: ParseLimits) -> ParsedDocument:
    """Return the document with pages. Raises ParseError: encrypted, damaged, too_many_pages, scanned_only, empty."""
    del media_type
    with _open(data) as pdf:
        pages = len(pdf)
        if pages > limits.max_pages:
            raise ParseError("too_many_pages", {"pages": pages, "limit": limits.max_pages})
        lines, areas, pictures = _read(pdf, pages, limits)
        declared = one_line(pdf.get_metadata_value("Title"))
    if sum(character.isalnum() for line in lines for character in line.text) < _MIN_TEXT and pictures:
        raise ParseError("scanned_only", {"pages": pages})
    builder = DocumentBuilder(limits)
    headings: list[tuple[int, str]] = []
    for kind, text, level, page in blocks_of(repair_letters(lines), areas):
        builder.add(kind, text, level=level, page=page)
        if kind is BlockKind.HEADING:
            headings.append((level, text))
    title = _title(declared, headings, " ".join(line.text for line in lines[:40]), filename)
    return builder.build(title=title, filename=filename, pages=pages)


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        pdf = pypdfium2.PdfDocument(data)
        if not len(pdf):
            raise ParseError("damaged", {"type": "PDF"})
        return pdf
    except pypdfium2.PdfiumError as error:
        code = (
            "encrypted"
            if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
            else "damaged"
        )
        raise ParseError(code, {"type": "PDF"}) from error


def _read(
    pdf: pypdfium2.PdfDocument, pages: int, limits: ParseLimits
) -> tuple[list[Line], dict[int, PageArea], bool]:
    """Return the lines, the page areas, and whether most pages show a picture. An unreadable page is left out."""
    lines: list[Line] = []
    areas: dict[int, PageArea] = {}
    pictures = characters = 0
    for number in range(1, pages + 1):
        try:
            page = pdf[number - 1]
        except pypdfium2.PdfiumError:
            continue
        try:
            left, bottom, right, top = page.get_bbox()
            areas[number] = PageArea(left, bottom, right, top)
            found = list(_page_lines(page, number))
            pictures += not found and _has_picture(page)
        finally:
            page.close()
        for line in found:
            lines.append(line if line.size or not lines else replace(line, size=lines[-1].size))
        characters += sum(len(line.text) for line in found)
        if characters > limits.max_characters:
            raise ParseError("too_long", {"limit": limits.max_characters})
    if not areas:
        raise ParseError("damaged", {"type": "PDF"})
    return lines, areas, pictures * 2 >= pages


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)
    return next(iter(page.get_objects(filter=kinds, max_depth=4)), None) is not None


def _page_lines(page: pypdfium2.PdfPage, number: int) -> Iterator[Line]:
    textpage = page.get_textpage()
    try:
        position = 0
        for text in textpage.get_text_range().split(_LINE_END):
            length = len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
            if text.strip():
                yield _line(textpage, text, position, length, number)
            position += length + len(_LINE_END)
    finally:
        textpage.close()


def _line(textpage: pypdfium2.PdfTextPage, text: str, position: int, length: int, page: int) -> Line:
    first = position + len(text) - len(text.lstrip(" "))
    last = position + length - 1 - (len(text) - len(text.rstrip(" ")))
    x, y = _origin(textpage, first)
    name, flags = _font(textpage, first)
    return Line(
        text=text.strip(" "),
        page=page,
        x=x,
        right=_box(textpage, last)[1],
        y=y,
        end_y=_origin(textpage, last)[1],
        size=round(_size(textpage, first, text.lstrip(" "), y), 1),
        bold=bool(_BOLD_NAME.search(name)) or pdfium.FPDFText_GetFontWeight(textpage, first) >= _BOLD_WEIGHT,
        fixed=bool(_FIXED_NAME.search(name)) or bool(flags & _FIXED_PITCH_FLAG),
    )


def _origin(textpage: pypdfium2.PdfTextPage, index: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(textpage, index, x, y)
    return x.value, y.value


def _box(textpage: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a character's ink."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    pdfium.FPDFText_GetCharBox(textpage, index, left, right, bottom, top)
    return left.value, right.value, bottom.value, top.value


def _size(textpage: pypdfium2.PdfTextPage, first: int, text: str, baseline: float) -> float:
    """Return the font's size as drawn, 0 if unknown. Bitmap fonts declare none: their letters' height tells."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, first, matrix)
    size: float = pdfium.FPDFText_GetFontSize(textpage, first) * (matrix.c**2 + matrix.d**2) ** 0.5
    if size >= _MIN_SIZE:
        return size
    tall = [first + offset for offset, character in enumerate(text[:_SIZE_SAMPLE]) if character in _TALL]
    heights = sorted(_box(textpage, index)[3] - baseline for index in tall)
    return round(heights[len(heights) // 2] / _ASCENDER) if heights else 0.0


def _font(textpage: pypdfium2.PdfTextPage, index: int) -> tuple[str, int]:
    buffer, flags = ctypes.create_string_buffer(_NAME_SIZE), ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(textpage, index, buffer, _NAME_SIZE, flags)
    return buffer.value.decode("utf-8", "replace"), flags.value


def _title(declared: str, headings: list[tuple[int, str]], opening: str, filename: str) -> str:
    """Return the declared title if the first page shows it (many are a template's), else the first main heading."""
    if declared and declared.casefold() in one_line(opening).casefold():
        return declared
    top = min((level for level, _ in headings), default=0)
    return next((text for level, text in headings if level == top), "") or title_from_name(filename)
