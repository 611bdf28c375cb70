"""Texts to translate: found in Python and templates, merged into the .po files, and checked; no GNU gettext needed.

The source language is English; a translation is kept for as long as its English text is, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

PYTHON_FOLDERS = ("mcp_site", "rag", "resilience")
TEMPLATE_FOLDERS = ("templates", *PYTHON_FOLDERS)
COMMENT_TAG = "Translators:"
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


@dataclass(frozen=True, slots=True)
class Found:
    """A text in a file: ``msgid`` is a pair where there is a plural form."""

    msgid: str | tuple[str, str]
    context: str | None
    place: str
    comments: tuple[str, ...]


def extract(root: Path) -> Catalog:
    """Return every text of the code and the templates."""
    catalogue = Catalog(fuzzy=False)
    for found in _all_texts(root):
        catalogue.add(
            found.msgid,
            locations=[(found.place, 0)],
            context=found.context,
            auto_comments=list(found.comments),
        )
    return catalogue


def _all_texts(root: Path) -> Iterator[Found]:
    for path in _files(root, PYTHON_FOLDERS, "*.py"):
        yield from _texts(path.read_bytes(), path.relative_to(root).as_posix())
    for path in _files(root, TEMPLATE_FOLDERS, "*.html"):
        # What Django makes of a template looks like Python to a tokeniser, once it is not indented.
        lines = templatize(path.read_text(encoding="utf-8")).splitlines()
        source = "\n".join(line.lstrip() for line in lines)
        yield from _texts(source.encode(), path.relative_to(root).as_posix())


def _files(root: Path, folders: tuple[str, ...], pattern: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob(pattern))


def _texts(source: bytes, place: str) -> Iterator[Found]:
    # Babel's own types describe another form than what it takes and gives here.
    calls: Any = extract_python(BytesIO(source), cast(Any, KEYWORDS), [COMMENT_TAG], {"encoding": "utf-8"})
    for _line, function, arguments, comments in calls:
        texts = arguments if isinstance(arguments, tuple) else (arguments,)
        if function in KEYWORDS and (found := _found(function, texts, place, tuple(comments))):
            yield found


def _found(
    function: str, texts: tuple[str | None, ...], place: str, comments: tuple[str, ...]
) -> Found | None:
    """Return the text of one call; None where an argument that matters is no literal."""
    context, forms = None, []
    for part in KEYWORDS[function] or (1,):
        position = part[0] if isinstance(part, tuple) else part
        text = texts[position - 1] if position <= len(texts) else None
        if not text:
            return None
        if isinstance(part, tuple):
            context = text
        else:
            forms.append(text)
    return Found(forms[0] if len(forms) == 1 else (forms[0], forms[1]), context, place, comments)


def read_translation(path: Path, language: str) -> Catalog:
    """Return the translations of a file, none if there is no file."""
    if not path.is_file():
        return Catalog(
            locale=language,
            header_comment="# Translations of MCP; make messages keeps the texts in step with the code.",
            project="MCP",
            version="1",
            msgid_bugs_address="none",
            last_translator="MCP contributors",
            language_team=language,
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update_translation(template: Catalog, path: Path, language: str) -> Catalog:
    """Merge the texts into a translation file and return it; texts no longer used are kept at its end, inactive."""
    catalogue = read_translation(path, language)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)
    return catalogue


def problems(template: Catalog, catalogue: Catalog) -> list[str]:
    """Return what is missing, left over or inconsistent in a translation, one line each."""
    wanted, present = _by_key(template), _by_key(catalogue)
    lines = [f"not in the file, run make messages: {key}" for key in wanted.keys() - present.keys()]
    lines += [f"no longer in the code, run make messages: {key}" for key in present.keys() - wanted.keys()]
    lines += [line for key in wanted.keys() & present.keys() for line in _faults(present[key])]
    return sorted(lines)


def _by_key(catalogue: Catalog) -> dict[tuple[str | None, str], Message]:
    return {(message.context, _forms(message.id)[0]): message for message in catalogue if message.id}


def _forms(value: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (value or "",) if isinstance(value, str | None) else tuple(value)


def _faults(message: Message) -> Iterator[str]:
    sources, targets = _forms(message.id), _forms(message.string)
    if message.fuzzy:
        yield f"not confirmed (fuzzy): {sources[0]!r}"
    if not all(targets):
        yield f"not translated: {sources[0]!r}"
        return
    # The last form of both languages is the general one; a singular may leave its number out.
    if sorted(_PLACEHOLDER.findall(sources[-1])) != sorted(_PLACEHOLDER.findall(targets[-1])):
        yield f"other placeholders than the English text: {sources[0]!r}"
