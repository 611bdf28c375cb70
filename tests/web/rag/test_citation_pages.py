"""A citation names the page that its words stand on."""

from __future__ import annotations

from typing import Any

import pytest

from rag.citation_pages import with_pages
from rag.models import DocumentVersion
from rag.values import Citation
from tests.factories import BALANCING, make_user, ready_document

pytestmark = pytest.mark.django_db


def citation(document: Any, start: int, page: int | None) -> Citation:
    return Citation(1, document.pk.hex, "0" * 32, "title", "quote", start, start + 5, 1.0, page)


def test_the_page_is_that_of_the_quote_not_of_the_passage(embedder: Any) -> None:
    document = ready_document(make_user(is_superuser=True), embedder, BALANCING)
    blocks = [["paragraph", 0, 40, 0, 1], ["paragraph", 42, 90, 0, 2]]
    DocumentVersion.objects.update(blocks=blocks)

    first, second, unpaged = with_pages(
        [citation(document, 3, 1), citation(document, 50, 1), citation(document, 50, None)]
    )

    assert (first.page, second.page, unpaged.page) == (1, 2, 2)


def test_documents_without_pages_cost_no_query(django_assert_num_queries: Any, embedder: Any) -> None:
    document = ready_document(make_user(is_superuser=True), embedder, BALANCING)

    with django_assert_num_queries(0):
        assert with_pages([citation(document, 3, None)])[0].page is None
