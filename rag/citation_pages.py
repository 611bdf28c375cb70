"""The page that a quote itself stands on: a passage may begin on the page before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from rag.models import Document
from rag.values import Citation


def with_pages(citations: Sequence[Citation]) -> list[Citation]:
    """Return the citations with the page of the block that holds the quote's beginning, where there are pages."""
    keys = {UUID(each.document) for each in citations if each.page is not None}
    if not keys:
        return list(citations)
    rows = Document.objects.filter(pk__in=list(keys)).values_list("pk", "active_version__blocks")
    blocks = {pk.hex: found for pk, found in rows}
    return [replace(each, page=_page(blocks.get(UUID(each.document).hex), each)) for each in citations]


def _page(blocks: Sequence[Sequence[object]] | None, citation: Citation) -> int | None:
    for _kind, start, end, _level, page in blocks or ():
        if isinstance(start, int) and isinstance(end, int) and start <= citation.start < end:
            return page if isinstance(page, int) else citation.page
    return citation.page
