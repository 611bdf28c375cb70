"""What a DOCX says about itself beside its body: styles, list numbering, core properties."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.ingest.parsers.docx_package import Attributes

_HEADING = re.compile(r"heading (\d)", re.I)
"""Built-in style names are English in the file whatever the program's language (ECMA-376 part 1, 17.7.4.9)."""
_CODE = re.compile(r"code|preformatted|verbatim|plain text|macro", re.I)
_QUOTE = re.compile(r"(?:intense )?quote|block ?text|citation", re.I)
_CONTENTS = re.compile(r"toc (?:\d|heading)|table of figures|index \d", re.I)
_BULLET = "bullet"
_MAX_BASES = 20


@dataclass(slots=True)
class Style:
    """A paragraph style as far as it tells the structure; level 0 is no heading."""

    name: str = ""
    based_on: str = ""
    level: int = 0
    numbering: str = ""

    @property
    def is_title(self) -> bool:
        return self.name.lower() == "title"

    @property
    def is_contents(self) -> bool:
        return bool(_CONTENTS.fullmatch(self.name))

    @property
    def is_code(self) -> bool:
        return bool(_CODE.search(self.name))

    @property
    def is_quote(self) -> bool:
        return bool(_QUOTE.fullmatch(self.name))


class StylesReader:
    """Reads ``word/styles.xml``."""

    def __init__(self) -> None:
        self._styles: dict[str, Style] = {}
        self._current = Style()

    def get(self, identifier: str) -> Style:
        """Return a style with its heading level and numbering, its own or of those it is based on."""
        found = self._styles.get(identifier, Style())
        result = Style(found.name, "", found.level, found.numbering)
        for _ in range(_MAX_BASES):
            if found.based_on not in self._styles:
                break
            found = self._styles[found.based_on]
            result.level = result.level or found.level
            result.numbering = result.numbering or found.numbering
        return result

    def start(self, name: str, attributes: Attributes) -> None:
        value = attributes.get("val", "")
        if name == "style":
            self._current = self._styles.setdefault(attributes.get("styleId", ""), Style())
        elif name == "name" and not self._current.name:
            self._current.name = value
            match = _HEADING.fullmatch(value)
            self._current.level = min(int(match.group(1)), 6) if match else self._current.level
        elif name == "basedOn":
            self._current.based_on = value
        elif name == "outlineLvl" and value.isdecimal() and int(value) < 6:
            self._current.level = self._current.level or int(value) + 1
        elif name == "numId":
            self._current.numbering = value

    def end(self, name: str) -> None:
        if name == "style":
            self._current = Style()

    def text(self, text: str) -> None:
        """Styles hold no text."""


class NumberingReader:
    """Reads ``word/numbering.xml``: which lists count and which have bullets."""

    def __init__(self) -> None:
        self._formats: dict[tuple[str, str], str] = {}
        self._abstract_of: dict[str, str] = {}
        self._abstract = self._level = self._number = ""

    def is_ordered(self, numbering: str, level: str) -> bool:
        """Return whether the items of a list at a level are counted."""
        found = self._formats.get((self._abstract_of.get(numbering, ""), level), _BULLET)
        return found not in (_BULLET, "none")

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "abstractNum":
            self._abstract = attributes.get("abstractNumId", "")
        elif name == "lvl":
            self._level = attributes.get("ilvl", "")
        elif name == "numFmt" and not self._number:
            self._formats[self._abstract, self._level] = attributes.get("val", "")
        elif name == "num":
            self._number = attributes.get("numId", "")
        elif name == "abstractNumId" and self._number:
            self._abstract_of[self._number] = attributes.get("val", "")

    def end(self, name: str) -> None:
        if name == "num":
            self._number = ""

    def text(self, text: str) -> None:
        """The definitions hold no text."""


class CoreReader:
    """Reads ``docProps/core.xml`` for the document's title."""

    def __init__(self) -> None:
        self.title = ""
        self._inside = False

    def start(self, name: str, attributes: Attributes) -> None:
        self._inside = name == "title"

    def end(self, name: str) -> None:
        self._inside = False

    def text(self, text: str) -> None:
        if self._inside:
            self.title += text
