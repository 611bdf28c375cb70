"""Ask: documents in, semantic search, answers with citations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.workflow import RAGWorkflow

__all__ = ["RAGWorkflow"]


def __getattr__(name: str) -> Any:
    """Load ``RAGWorkflow`` when it is asked for: this package is imported before Django is ready."""
    if name == "RAGWorkflow":
        from rag.workflow import RAGWorkflow

        return RAGWorkflow
    raise AttributeError(name)
