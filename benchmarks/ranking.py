"""Ranking quality of each part: nDCG@10, recall and MRR on the retrieval sets, with paired differences.

    python benchmarks/ranking.py [--folder DIR] [--half tuned|confirmed]

The sets are NAME.docs.jsonl and NAME.questions.jsonl in ../shared/data/retrieval (or ``--folder``). Each text is one
passage. Bilingual sets are asked in every direction (French questions on English passages ...) and with both
languages in one index. Differences are to the simple fusion (0.6 standardised cosine + 0.4 BM25), with a 95 %
interval by bootstrap over questions. ``--half`` keeps the half of the questions on which weights were chosen, or the
other one, on which they were not. Vectors are kept in the data folder for the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rag.embedders import load_local_embedder  # noqa: E402
from rag.embedders.base import Embedder  # noqa: E402
from rag.evaluation import ndcg_at, recall_at, reciprocal_rank  # noqa: E402
from rag.indexes.embedded import EmbeddedIndex, Ranking  # noqa: E402
from rag.indexes.questions import question_centres  # noqa: E402
from rag.retrieval import FusionWeights  # noqa: E402
from rag.values import IndexedChunk, Matrix  # noqa: E402

SHARED = Path(os.environ.get("MCP_SHARED", ROOT.parent / "shared")) / "data" / "retrieval"
DATA = Path(os.environ.get("MCP_DATA_DIR", ROOT / "var"))
SIMPLE = "simple fusion"
FULL = "all of it (shipped)"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to rank."""

    ranking: Ranking
    by_words: bool = True
    by_meaning: bool = True
    centred: bool = True


def _ranking(*, translation: float = 0.7, vector: float | None = None) -> Ranking:
    fusion = FusionWeights() if vector is None else FusionWeights(vector, vector)
    return Ranking(fusion=fusion, translation=translation)


METHODS = {
    "words": Method(_ranking(translation=0), by_meaning=False),
    "words, translated": Method(_ranking(), by_meaning=False),
    "meaning": Method(_ranking(vector=1.0), by_words=False, centred=False),
    "meaning, centred": Method(_ranking(vector=1.0), by_words=False),
    SIMPLE: Method(_ranking(translation=0), centred=False),
    "fusion, translated": Method(_ranking(), centred=False),
    "fusion, centred": Method(_ranking(translation=0)),
    FULL: Method(_ranking()),
}


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    language: str
    text: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Passage:
    id: str
    language: str
    text: str


def rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read_set(folder: Path, name: str) -> tuple[list[Passage], list[Question]]:
    passages = [
        Passage(str(row["id"]), str(row["lang"]), str(row["text"]))
        for row in rows(folder / f"{name}.docs.jsonl")
    ]
    questions = [
        Question(str(row["id"]), str(row["lang"]), str(row["question"]), frozenset(row["rel"]))  # type: ignore[call-overload]
        for row in rows(folder / f"{name}.questions.jsonl")
    ]
    return passages, questions


class Vectors:
    """Vectors by text, kept in a file."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        name = hashlib.sha256(embedder.model_id.encode()).hexdigest()[:16]
        self._path = DATA / "benchmarks" / f"ranking-{name}.npz"
        self._known: dict[str, np.ndarray] = {}
        if self._path.is_file():
            with np.load(self._path) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def passages(self, texts: Sequence[str]) -> Matrix:
        return self._get("passage", texts)

    def questions(self, texts: Sequence[str]) -> Matrix:
        return self._get("question", texts)

    def _get(self, kind: str, texts: Sequence[str]) -> Matrix:
        keys = [hashlib.sha256(f"{kind}:{text}".encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        names = sorted(missing, key=lambda key: len(missing[key]))
        for at in range(0, len(names), 64):
            batch = names[at : at + 64]
            if kind == "passage":
                found = list(self._embedder.embed_passages([missing[key] for key in batch]))
            else:
                found = [self._embedder.embed_query(missing[key]) for key in batch]
            self._known.update(zip(batch, found, strict=True))
        if missing:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self._path, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values()))
            )
        return np.stack([self._known[key] for key in keys])


def half(question: Question) -> str:
    """Both languages of a question are in the same half."""
    return ("tuned", "confirmed")[zlib.crc32(re.sub(r"^q?(fr|en)", "", question.id).encode()) % 2]


def index_of(passages: Sequence[Passage], vectors: Matrix, method: Method, centres: Matrix) -> EmbeddedIndex:
    index = EmbeddedIndex("", ranking=method.ranking)
    index.add_documents(
        [
            IndexedChunk(
                chunk=name_of(each),
                document=name_of(each),
                collection="0" * 32,
                language=each.language,
                title="",
                heading="",
                text=each.text,
                vector=vector,
            )
        ]
        for each, vector in zip(passages, vectors, strict=True)
    )
    index.question_centres = centres if method.centred else None
    return index


def name_of(passage: Passage) -> str:
    return uuid5(NAMESPACE_URL, passage.id).hex


def measure(
    passages: Sequence[Passage],
    vectors: Matrix,
    asked: Sequence[tuple[Question, np.ndarray]],
    method: Method,
    centres: Matrix,
) -> np.ndarray:
    """Recall@5, recall@10, MRR@10 and nDCG@10 of each question."""
    names = {name_of(each): each.id for each in passages}
    index = index_of(passages, vectors, method, centres)
    figures = []
    for question, vector in asked:
        words = question.text if method.by_words else ""
        hits = index.search(words, vector if method.by_meaning else None, collections=None, limit=10)
        found = [names[hit.chunk] for hit in hits]
        relevant = question.relevant & set(names.values())
        figures.append(
            (
                recall_at(found, relevant, 5),
                recall_at(found, relevant, 10),
                reciprocal_rank(found, relevant),
                ndcg_at(found, relevant),
            )
        )
    return 100 * np.array(figures)


def interval(differences: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(7)
    means = differences[rng.integers(0, differences.size, (2000, differences.size))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def report(name: str, results: dict[str, np.ndarray]) -> None:
    print(f"\n{name}, {len(results[SIMPLE])} questions      R@5   R@10    MRR   nDCG   to the simple fusion")
    for method, figures in results.items():
        difference = figures[:, 3] - results[SIMPLE][:, 3]
        low, high = interval(difference)
        beside = "" if method == SIMPLE else f"   {difference.mean():+5.1f} [{low:+.1f}, {high:+.1f}]"
        print(f"  {method:30}" + "".join(f"{value:7.1f}" for value in figures.mean(axis=0)) + beside)


def directions(passages: Sequence[Passage]) -> list[tuple[str, str]]:
    languages = sorted({each.language for each in passages})
    pairs = [(asked, held) for asked in languages for held in languages]
    return pairs + [(asked, "all") for asked in languages if len(languages) > 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=SHARED)
    parser.add_argument("--half", choices=["tuned", "confirmed"])
    options = parser.parse_args()
    names = sorted(path.name.removesuffix(".docs.jsonl") for path in options.folder.glob("*.docs.jsonl"))
    if not names:
        print(f"no question sets in {options.folder}: nothing measured")
        return
    embedder = load_local_embedder(DATA / "models")
    vectors, centres = Vectors(embedder), question_centres(embedder.embed_query)
    gains = []
    for name in names:
        passages, questions = read_set(options.folder, name)
        questions = [each for each in questions if options.half in (None, half(each))]
        known, asked = (
            vectors.passages([p.text for p in passages]),
            vectors.questions([q.text for q in questions]),
        )
        for speaks, held in directions(passages):
            inside = [place for place, each in enumerate(passages) if held in ("all", each.language)]
            kept = {passages[place].id for place in inside}
            mine = [
                (question, vector)
                for question, vector in zip(questions, asked, strict=True)
                if question.language == speaks and question.relevant & kept
            ]
            if not mine:
                continue
            chosen = [passages[place] for place in inside]
            results = {
                title: measure(chosen, known[inside], mine, method, centres)
                for title, method in METHODS.items()
            }
            report(f"{name} {speaks} -> {held}", results)
            gains.append(results[FULL][:, 3].mean() - results[SIMPLE][:, 3].mean())
    print(f"\nmean gain of the shipped ranking over {len(gains)} directions: {np.mean(gains):+.1f} nDCG@10")


if __name__ == "__main__":
    main()
