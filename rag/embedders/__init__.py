"""Text to vectors: a contract and its implementations."""

from rag.embedders.base import Embedder, EmbedderUnavailable, LocalEmbedder
from rag.embedders.local import load_local_embedder

__all__ = ["Embedder", "EmbedderUnavailable", "LocalEmbedder", "load_local_embedder"]
