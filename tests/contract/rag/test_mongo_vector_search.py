"""The offer of ``$vectorSearch`` is asked of the server in use, not guessed."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from pymongo.errors import OperationFailure

from rag.indexes.mongo import offers_vector_search
from rag.models import StoredVector


class Answering:
    def list_search_indexes(self) -> Any:
        return iter([])


class Refusing:
    def list_search_indexes(self) -> Any:
        raise OperationFailure("search indexes need additional configuration")


def test_a_server_that_lists_search_indexes_offers_it() -> None:
    assert offers_vector_search(Answering())


def test_a_server_that_refuses_does_not() -> None:
    assert not offers_vector_search(Refusing())


@pytest.mark.django_db
@pytest.mark.skipif("MONGODB_TEST_URL" in os.environ, reason="a server of yours may or may not offer it")
def test_the_server_that_the_tests_start_offers_none() -> None:
    if not settings.MONGO:
        pytest.skip("this half of the suite runs on SQLite")

    assert not offers_vector_search(connection.get_collection(StoredVector._meta.db_table))  # type: ignore[attr-defined]
