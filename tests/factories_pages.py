"""Rows behind pages: documents with their text and questions with their answers, without running the pipeline."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from rag.ingest.parsers import ParseLimits, parse
from rag.models import Collection, Conversation, Document, DocumentStatus, DocumentVersion, Question
from rag.permissions import LIBRARY

_numbers = itertools.count(1)


def library_shelf() -> Collection:
    """Return the collection that everyone reads."""
    return Collection.objects.get_or_create(pk=LIBRARY, defaults={"name": "Library", "everyone": True})[0]


def stored_document(text: str = "", *, filename: str = "", **values: Any) -> Document:
    """Return a document that was read; an empty text gives one that was not."""
    number = next(_numbers)
    name = filename or f"page{number}.md"
    values = {"title": f"Document {number}", "status": DocumentStatus.READY, **values}
    document = Document.objects.create(
        collection=values.pop("collection", None) or library_shelf(),
        filename=name,
        content_hash=hashlib.sha256(f"{number} {text}".encode()).hexdigest(),
        **values,
    )
    if text:
        add_version(document, text, name)
    return document


def add_version(document: Document, text: str, filename: str = "page.md") -> DocumentVersion:
    """Return a new active version of a document, parsed from ``text``."""
    parsed = parse(text.encode(), filename=filename, media_type=None, limits=ParseLimits())
    version = DocumentVersion.objects.create(
        document=document,
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        text=parsed.text,
        blocks=[
            [block.kind.value, block.start, block.end, block.level, block.page] for block in parsed.blocks
        ],
        pages=parsed.pages,
    )
    document.active_version = version
    document.save()
    return version


def citation(document: Document, quote: str, n: int = 1, **values: Any) -> dict[str, Any]:
    """Return a citation of words that stand in a document, as the API shows it."""
    assert document.active_version is not None
    start = document.active_version.text.index(quote)
    return {
        "n": n,
        "document": str(document.pk),
        "chunk": f"00000000-0000-4000-8000-{n:012}",
        "title": document.title,
        "quote": quote,
        "start": start,
        "end": start + len(quote),
        "score": 0.03,
        "page": None,
        **values,
    }


def passage(document: Document, text: str, n: int = 1, **values: Any) -> dict[str, Any]:
    """Return a passage that was found, as the API shows it."""
    row = citation(document, text, n)
    why = {"lexical_rank": 1, "lexical_score": 4.2, "vector_rank": 2, "vector_score": 0.71}
    return {
        "text": row.pop("quote"),
        "heading": "",
        "language": document.language,
        "why": why,
        **row,
        **values,
    }


def asked(
    user: Any, text: str = "How?", *, conversation: Conversation | None = None, **values: Any
) -> Question:
    """Return a question with an answer; ``result`` holds what the API would show."""
    result = {"citations": [], "sentences": [], "passages": [], "nearest": [], "notice": ""}
    return Question.objects.create(
        conversation=conversation or Conversation.objects.create(user=user, title=text),
        user=user,
        text=text,
        **{"answerable": True, "confidence": 0.9, **values, "result": {**result, **values.get("result", {})}},
    )
