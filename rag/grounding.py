"""Whether the passages answer the question (first, thin form: the top cosine alone)."""

from __future__ import annotations

from collections.abc import Sequence

from rag.values import Answer, Evidence, Hit, Passage, Vector


def assess(
    question: str,
    passages: Sequence[Passage],
    *,
    query_vector: Vector | None,
    answer: Answer | None,
    language: str,
    hits: Sequence[Hit] = (),
) -> Evidence:
    """Return the evidence of the passages."""
    top = max((passage.hit.vector_score or 0.0 for passage in passages), default=0.0)
    return Evidence(top > 0.84, min(1.0, max(0.0, (top - 0.78) * 8)), {"cosine": top})
