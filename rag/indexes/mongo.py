"""Whether the MongoDB in use offers ``$vectorSearch``. MCP's own index answers on either database."""

from __future__ import annotations

from typing import Any, Protocol

from pymongo.errors import PyMongoError


class SearchIndexes(Protocol):
    """The part of a pymongo collection that is asked."""

    def list_search_indexes(self) -> Any: ...


def offers_vector_search(collection: SearchIndexes) -> bool:
    """Return whether the server can list search indexes: Atlas, or a server with ``mongot`` beside it."""
    try:
        list(collection.list_search_indexes())
    except PyMongoError:
        return False
    return True
