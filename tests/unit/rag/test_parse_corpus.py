"""The parsers and the chunker over real documents, where they are at hand (MCP_SHARED or ../shared)."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from rag.ingest.chunking import chunk
from rag.ingest.parsers import ParseLimits, parse
from rag.values import BlockKind, ParsedDocument

SHARED = Path(os.environ.get("MCP_SHARED") or Path(__file__).resolve().parents[4] / "shared") / "data"
CORPUS = SHARED / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no documents in {CORPUS}")

VERBATIM = (BlockKind.CODE, BlockKind.TABLE)
LEFTOVER = re.compile(r"\{%|\{\{|\]\[[a-z]|\]\(http|<(?:div|br|p|td|details|img)\b", re.I)
"""Markup that must not be left in prose."""
QUOTED_MARKUP = 10
"""Documents that write about markup or forget to close a link."""


@cache
def documents() -> dict[str, ParsedDocument]:
    paths = sorted(path for lang in ("en", "fr") for path in (CORPUS / lang).rglob("*") if path.is_file())
    return {
        str(path.relative_to(CORPUS)): parse(
            path.read_bytes(), filename=path.name, media_type=None, limits=ParseLimits()
        )
        for path in paths
    }


def words(text: str) -> int:
    return len(text.split())


def comparable(text: str) -> str:
    return re.sub(r"\W+", " ", unicodedata.normalize("NFC", text)).strip()


def test_every_document_is_read_with_sound_blocks() -> None:
    for name, parsed in documents().items():
        assert parsed.text == unicodedata.normalize("NFC", parsed.text), name
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\ufeff]", parsed.text), name
        assert parsed.title and "\n" not in parsed.title, name
        gaps = [parsed.text[a.end : b.start] for a, b in zip(parsed.blocks, parsed.blocks[1:], strict=False)]
        assert set(gaps) <= {"\n\n"}, name
        assert (parsed.blocks[0].start, parsed.blocks[-1].end) == (0, len(parsed.text)), name


def test_the_language_of_every_document_is_recognised() -> None:
    assert [name for name, parsed in documents().items() if parsed.language != name[:2]] == []


def test_markup_does_not_reach_the_prose() -> None:
    left = Counter(
        name
        for name, parsed in documents().items()
        for block in parsed.blocks
        if block.kind not in VERBATIM and LEFTOVER.search(parsed.text[block.start : block.end])
    )

    assert len(left) <= QUOTED_MARKUP, left


def test_pages_of_the_pdf_are_kept_and_its_broken_letters_mended() -> None:
    parsed = documents()["en/core-lightning/deployable-lightning.pdf"]

    assert parsed.pages == 19
    assert {block.page for block in parsed.blocks} == set(range(1, 20))
    assert "which can only be spent after a delay" in parsed.text


def test_chunks_of_every_document_are_exact_and_within_the_maximum() -> None:
    sizes: list[int] = []
    for name, parsed in documents().items():
        drafts = chunk(parsed, count_tokens=words, target_tokens=120, max_tokens=200)
        body = {
            b
            for block in parsed.blocks
            if block.kind is not BlockKind.HEADING
            for b in (block.start, block.end - 1)
            if not parsed.text[b].isspace()
        }
        covered = Counter(b for b in body for draft in drafts if draft.start <= b < draft.end)
        assert set(covered.values()) == {1} and len(covered) == len(body), name
        for draft in drafts:
            text = parsed.text[draft.start : draft.end]
            assert text == text.strip() and 0 < words(text) == draft.tokens <= 200, name
        sizes.extend(draft.tokens for draft in drafts)

    assert 90 < sum(sizes) / len(sizes) < 130


def test_questions_asked_in_the_documents_are_found_word_for_word() -> None:
    rows = [
        json.loads(line)
        for line in (SHARED / "questions" / "questions.jsonl").read_text("utf-8").splitlines()
    ]
    verbatim = [row for row in rows if row["id"].startswith(("bse-", "faq-"))]
    texts = {name: comparable(parsed.text) for name, parsed in documents().items()}

    missing = [row["id"] for row in verbatim if comparable(row["question"]) not in texts[row["doc"]]]

    assert len(verbatim) > 100
    assert missing == []
