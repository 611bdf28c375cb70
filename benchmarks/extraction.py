"""Extraction: how often a quoted answer holds what was asked for, beside two simple ways of quoting.

    python benchmarks/extraction.py [--questions 200]

PIAF and XQuAD say which words answer a question: counted is whether they stand in the quotes, and in the first one,
over the questions whose passage the search found. Sets: ../shared/data, or the folder in MCP_SHARED.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from abstention import SHARED, TOP_K, VectorFile, World, _lines, retrieval_set

from rag.embedders.base import Embedder
from rag.embedding import configured_embedder
from rag.generators.extractive import extract
from rag.indexes.analyser import strip_accents
from rag.search import EVIDENCE_HITS
from rag.sentences import split_sentences
from rag.values import Passage, Vector

Quotes = Callable[[str, Sequence[Passage], Vector], list[str]]


def quoting(embedder: Embedder, language: str) -> dict[str, Quotes]:
    """Return the ways of quoting by name: the product's with and without vectors, and the two simple ones."""

    def product(question: str, passages: Sequence[Passage], vector: Vector) -> list[str]:
        embed = embedder.embed_passages
        answer = extract(question, passages, language=language, embed=embed, query_vector=vector)
        return [citation.quote for citation in answer.citations]

    def words(question: str, passages: Sequence[Passage], vector: Vector) -> list[str]:
        answer = extract(question, passages, language=language, embed=None, query_vector=None)
        return [citation.quote for citation in answer.citations]

    def opening(question: str, passages: Sequence[Passage], vector: Vector) -> list[str]:
        return _sentences(passages[:1])[:3]

    def nearest(question: str, passages: Sequence[Passage], vector: Vector) -> list[str]:
        sentences = _sentences(passages)
        order = np.argsort(-(embedder.embed_passages(sentences) @ vector))
        return [sentences[place] for place in order[:3]]

    return {
        "MCP": product,
        "MCP, words only": words,
        "best passage, first 3 sentences": opening,
        "all passages, 3 nearest sentences": nearest,
    }


def _sentences(passages: Sequence[Passage]) -> list[str]:
    return [each.text[start:end] for each in passages for start, end in split_sentences(each.text)]


def _plain(text: str) -> str:
    return " ".join(strip_accents(text.lower()).split())


def found_passages(world: World, question: str, vector: Vector) -> list[Passage]:
    """Return what the search gives."""
    hits = world.index.search(question, vector, collections=None, limit=EVIDENCE_HITS)
    return [replace(world.passages[hit.chunk], hit=hit) for hit in hits[:TOP_K]]


def measure(name: str, language: str, embedder: Embedder, most: int) -> None:
    """Print the figures of one set."""
    world, asked = retrieval_set(name, embedder, VectorFile(embedder), most)
    answers = {row["id"]: row["answer"] for row in _lines(SHARED / "retrieval" / f"{name}.questions.jsonl")}
    cases = [(each, found_passages(world, each.text, each.vector)) for each in asked]
    cases = [
        (each, passages)
        for each, passages in cases
        if any(_plain(answers[each.id]) in _plain(passage.text) for passage in passages)
    ]
    for way, quotes in quoting(embedder, language).items():
        given = [quotes(each.text, passages, each.vector) for each, passages in cases]
        wanted = [_plain(answers[each.id]) for each, _ in cases]
        held = [answer in _plain(" ".join(quote)) for answer, quote in zip(wanted, given, strict=True)]
        first = [
            answer in _plain(quote[0]) if quote else False
            for answer, quote in zip(wanted, given, strict=True)
        ]
        print(
            f"{name:<10} {len(cases):>4} questions | {way:<34} | in the quotes {100 * np.mean(held):5.1f} % | "
            f"in the first {100 * np.mean(first):5.1f} % | sentences {np.mean([len(each) for each in given]):.1f} | "
            f"characters {np.mean([len(' '.join(each)) for each in given]):.0f}",
            flush=True,
        )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=200, help="of each set")
    most = parser.parse_args().questions
    embedder = configured_embedder()
    for name, language in (("piaf-fr", "fr"), ("xquad-en", "en")):
        measure(name, language, embedder, most)
    return 0


if __name__ == "__main__":
    sys.exit(main())
