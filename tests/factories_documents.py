"""Builders of small PDF and DOCX files, sound and hostile."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from xml.sax.saxutils import escape

PAGE_HEIGHT = 792
FONTS = ("Helvetica", "Helvetica-Bold", "Courier")


@dataclass(frozen=True)
class PdfLine:
    """A line of text at a place on a page; ``y`` counts from the bottom."""

    text: str
    y: float
    x: float = 72.0
    size: float = 11.0
    font: str = "Helvetica"


def column(
    texts: Sequence[str], *, top: float = 700.0, leading: float = 13.0, **options: float | str
) -> list[PdfLine]:
    """Return lines set one under the other."""
    return [PdfLine(text, top - leading * n, **options) for n, text in enumerate(texts)]  # type: ignore[arg-type]


def build_pdf(pages: Sequence[Sequence[PdfLine]], *, title: str = "") -> bytes:
    """Return a PDF with the lines of each page in Latin-1."""
    contents = [_page_stream(lines) for lines in pages]
    return assemble_pdf([_stream(content) for content in contents], title=title)


def picture_pdf(pages: int) -> bytes:
    """Return a PDF whose pages show a grey picture and no text, as a scanner makes it."""
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Length 1 >>\nstream\n\x80\nendstream"
    )
    return assemble_pdf([_stream(b"q 500 0 0 700 50 50 cm /Im Do Q")] * pages, image=image)


def bomb_pdf(size: int) -> bytes:
    """Return a small PDF whose page, packed twice, unpacks to ``size`` bytes."""
    packer, packed = zlib.compressobj(9), bytearray()
    block = b" " * (1 << 20)
    for _ in range(size // len(block)):
        packed += packer.compress(block)
    packed += packer.flush()
    twice = zlib.compress(bytes(packed), 9)
    head = f"<< /Length {len(twice)} /Filter [/FlateDecode /FlateDecode] >>\nstream\n".encode()
    return assemble_pdf([head + twice + b"\nendstream"])


def encrypted_pdf() -> bytes:
    """Return a PDF that needs a password nobody knows."""
    lock = "<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + "41" * 32 + "> /U <" + "42" * 32 + "> >>"
    return assemble_pdf([_stream(_page_stream([PdfLine("Secret", 700)]))], encrypt=lock.encode())


def _page_stream(lines: Sequence[PdfLine]) -> bytes:
    parts = []
    for line in lines:
        text = line.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        font = FONTS.index(line.font) + 1
        parts.append(f"BT /F{font} {line.size} Tf {line.x} {line.y} Td ({text}) Tj ET")
    return "\n".join(parts).encode("latin-1")


def _stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


def assemble_pdf(
    streams: Sequence[bytes], *, title: str = "", image: bytes = b"", encrypt: bytes = b""
) -> bytes:
    """Return a PDF with one page for each content stream."""
    fonts = " ".join(f"/F{n} {n + 2} 0 R" for n in range(1, len(FONTS) + 1))
    first_page = 3 + len(FONTS) + 3
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(streams)))
    bodies: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        *(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>".encode()
            for font in FONTS
        ),
        f"<< /Title ({title}) >>".encode("latin-1"),
        image or b"null",
        encrypt or b"null",
    ]
    for number, stream in enumerate(streams):
        resources = f"<< /Font << {fonts} >> /XObject << /Im {len(FONTS) + 4} 0 R >> >>"
        page = f"/MediaBox [0 0 612 {PAGE_HEIGHT}] /Contents {first_page + 2 * number + 1} 0 R"
        bodies.append(f"<< /Type /Page /Parent 2 0 R {page} /Resources {resources} >>".encode())
        bodies.append(stream)
    lock = f"/Encrypt {len(FONTS) + 5} 0 R /ID [<00> <00>]" if encrypt else ""
    return _with_table(bodies, f"/Root 1 0 R /Info {len(FONTS) + 3} 0 R {lock}")


def _with_table(bodies: Sequence[bytes], trailer: str) -> bytes:
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += f"trailer\n<< /Size {len(bodies) + 1} {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


_NS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_STYLES = f"""<w:styles {_NS}>
<w:style w:styleId="Titre1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Titre2"><w:name w:val="heading 2"/><w:basedOn w:val="Titre1"/></w:style>
<w:style w:styleId="Sous"><w:name w:val="My heading"/><w:basedOn w:val="Titre2"/></w:style>
<w:style w:styleId="Titre"><w:name w:val="Title"/></w:style>
<w:style w:styleId="TM1"><w:name w:val="toc 1"/></w:style>
<w:style w:styleId="Code"><w:name w:val="HTML Preformatted"/></w:style>
<w:style w:styleId="Citation"><w:name w:val="Quote"/></w:style>
</w:styles>"""
_NUMBERING = f"""<w:numbering {_NS}>
<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl>
<w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
</w:numbering>"""


def docx_paragraph(text: str, *, style: str = "", number: str = "", level: int = 0) -> str:
    """Return a paragraph; ``number`` is the list's id: "1" has bullets, "2" counts."""
    properties = f'<w:pStyle w:val="{style}"/>' if style else ""
    if number:
        properties += f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def docx_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table of one paragraph a cell."""
    cells = ("".join(f"<w:tc>{docx_paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def build_docx(*body: str, title: str = "", parts: dict[str, str | bytes] | None = None) -> bytes:
    """Return a DOCX with the given body; ``parts`` replaces or adds files of the archive."""
    core = (
        '<cp:coreProperties xmlns:cp="urn:cp" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title></cp:coreProperties>"
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": f"<w:document {_NS}><w:body>{''.join(body)}</w:body></w:document>",
        "word/styles.xml": _STYLES,
        "word/numbering.xml": _NUMBERING,
        "docProps/core.xml": core,
        **(parts or {}),
    }
    return zip_of(files)


def zip_of(files: dict[str, str | bytes]) -> bytes:
    """Return a ZIP archive of the files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def bomb_docx(size: int) -> bytes:
    """Return a small DOCX whose body unpacks to ``size`` bytes of well-formed XML."""
    filler = f"<w:p><w:r><w:t>{'0' * 1000}</w:t></w:r></w:p>"
    return build_docx(filler * (size // len(filler)))
