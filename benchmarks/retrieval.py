"""Search speed, cold start and memory at 10,000 and 100,000 chunks, against the query's embedding and peers.

    python benchmarks/retrieval.py [--sizes 10000 100000] [--peers PYTHON]

Peers (chromadb, Haystack) get the same texts and vectors. They are run by the interpreter given with ``--peers``, a
virtual environment of their own with ``chromadb`` and ``haystack-ai`` in it; without one only ours is measured.
Vectors are random in clusters, so that only speed is measured here; for quality see ``benchmarks/ranking.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rag.indexes.embedded import EmbeddedIndex  # noqa: E402
from rag.indexes.questions import QUESTIONS  # noqa: E402
from rag.values import IndexedChunk, Matrix  # noqa: E402

SHARED = Path(os.environ.get("MCP_SHARED", ROOT.parent / "shared"))
DIMENSION = 384
WORDS_A_CHUNK = 130
CHUNKS_A_DOCUMENT = 12
ASKED = [question for questions in QUESTIONS.values() for question in questions]
CENTRES = 200


def passages(count: int) -> list[str]:
    """Texts of real words: documents cut into pieces, shuffled copies of them when there are not enough."""
    folders = [SHARED / "data" / "corpus", ROOT / "rag" / "starter"]
    files = [path for folder in folders for path in sorted(folder.rglob("*.md"))]
    words = [path.read_text(encoding="utf-8", errors="replace").split() for path in files]
    texts = [text[at : at + WORDS_A_CHUNK] for text in words for at in range(0, len(text), WORDS_A_CHUNK)]
    rng = random.Random(7)
    made = texts[:count]
    while len(made) < count:
        made.append(rng.sample(piece := texts[len(made) % len(texts)], len(piece)))
    return [" ".join(piece) for piece in made]


def clustered(count: int, seed: int) -> Matrix:
    """Unit vectors around common centres, as texts on some topics have them."""
    centres = np.random.default_rng(0).standard_normal((CENTRES, DIMENSION)).astype(np.float32)
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, CENTRES, count)] + rng.standard_normal((count, DIMENSION), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def documents(texts: Sequence[str], vectors: Matrix) -> list[list[IndexedChunk]]:
    return [
        [
            IndexedChunk(
                chunk=UUID(int=number + 1).hex,
                document=UUID(int=first + 1).hex,
                collection=f"{first // CHUNKS_A_DOCUMENT % 3:032x}",
                language="fr" if first % 2 else "en",
                title=f"Document {first}",
                heading=" ".join(texts[first].split()[:5]),
                text=texts[number],
                vector=vectors[number],
            )
            for number in range(first, min(first + CHUNKS_A_DOCUMENT, len(texts)))
        ]
        for first in range(0, len(texts), CHUNKS_A_DOCUMENT)
    ]


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds a call, over the questions asked."""

    median: float
    high: float
    cpu: float
    """Processor time of all threads, which other programs on the machine do not inflate."""

    def __str__(self) -> str:
        return f"p50 {self.median:.2f} ms, p95 {self.high:.2f} ms, CPU {self.cpu:.2f} ms"


def timings(call: Callable[[int], object], rounds: int = 5) -> Timing:
    """Time ``call`` on each question ``rounds`` times, after one to warm up."""
    call(0)
    taken, cpu = [], time.process_time()
    for number in range(rounds * len(ASKED)):
        start = time.perf_counter()
        call(number % len(ASKED))
        taken.append((time.perf_counter() - start) * 1000)
    cpu = (time.process_time() - cpu) * 1000 / len(taken)
    return Timing(float(np.median(taken)), float(np.percentile(taken, 95)), cpu)


def line(name: str, figures: str) -> None:
    print(f"  {name:44}{figures}", flush=True)


def embedding_time() -> Timing:
    """Time to embed a question with the local embedder, and its engine's name on the screen."""
    from rag.embedders import load_local_embedder

    cache = Path(os.environ.get("MCP_DATA_DIR", ROOT / "var")) / "models"
    embedder = load_local_embedder(cache)
    timing = timings(lambda number: embedder.embed_query(ASKED[number]))
    line(f"embedding a question ({embedder.engine})", str(timing))
    return timing


def build(texts: Sequence[str], vectors: Matrix, questions: Matrix) -> EmbeddedIndex:
    index, before = EmbeddedIndex("random"), resident()
    parts = documents(texts, vectors)
    start = time.perf_counter()
    for at in range(0, len(parts), 40):
        index.add_documents(parts[at : at + 40])
    taken = time.perf_counter() - start
    line("adding, 40 documents a step", f"{len(texts) / taken:.0f} chunks/s, +{resident() - before:.0f} MB")
    index.question_centres = np.stack([questions[:30].mean(axis=0), questions[30:].mean(axis=0)])
    start = time.perf_counter()
    index.add_document([*parts[3]])
    line("replacing one document", f"{(time.perf_counter() - start) * 1000:.1f} ms")
    return index


def measure_search(index: EmbeddedIndex, questions: Matrix, embedding: Timing) -> Timing:
    readable = frozenset(f"{number:032x}" for number in (0, 1))
    for name, collections, by_meaning in (
        ("search, words only", None, False),
        ("search, words and meaning, all collections", None, True),
        ("search, words and meaning, 2 of 3 collections", readable, True),
    ):

        def ask(number: int, collections: frozenset[str] | None, by_meaning: bool) -> object:
            vector = questions[number] if by_meaning else None
            return index.search(ASKED[number], vector, collections=collections, limit=30)

        timing = timings(lambda number: ask(number, collections, by_meaning))  # noqa: B023
        shares = f"{timing.median / embedding.median:.2f} (CPU {timing.cpu / embedding.cpu:.2f})"
        line(name, f"{timing}, {shares} of the question's embedding")
    return timing


def measure_start(index: EmbeddedIndex, folder: Path) -> None:
    path = folder / "chunks.index"
    start = time.perf_counter()
    index.save(path)
    line("saving", f"{time.perf_counter() - start:.2f} s, {path.stat().st_size / 1e6:.0f} MB")
    code = (
        "import sys, time, json; start = time.perf_counter(); from pathlib import Path\n"
        "from rag.indexes.embedded import EmbeddedIndex\n"
        "index = EmbeddedIndex.load(Path(sys.argv[1]), model_id='random')\n"
        "assert index.search('canal frais', None, collections=None)\n"
        "words = time.perf_counter() - start\n"
        "while not index.vectors_loaded: time.sleep(0.01)\n"
        "import numpy as np\n"
        "question = np.ones(index.dimension, np.float32) / index.dimension ** 0.5\n"
        "assert index.search('canal frais', question, collections=None)[0].vector_score is not None\n"
        "pages = int(Path('/proc/self/statm').read_text().split()[1])\n"
        "print(json.dumps([words, time.perf_counter() - start, pages * 4096 / 1e6]))\n"
    )
    words, full, memory = run_json([sys.executable, "-c", code, str(path)])
    line(
        "restart in a new process, imports included",
        f"answers by words after {words:.2f} s, fully after {full:.2f} s, {memory:.0f} MB",
    )


def run_json(command: Sequence[str]) -> list[float]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_peers(
    python: str, texts: Sequence[str], vectors: Matrix, questions: Matrix, ours: Timing, folder: Path
) -> None:
    np.savez(folder / "data.npz", vectors=vectors, questions=questions)
    (folder / "texts.json").write_text(json.dumps({"texts": list(texts), "questions": ASKED}))
    for peer in ("chromadb", "haystack", "haystack-hybrid"):
        command = [python, str(ROOT / "benchmarks" / "_peers.py"), peer, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            line(peer, f"not measured: {done.stderr.strip().splitlines()[-1:]}")
            continue
        figures = json.loads(done.stdout.splitlines()[-1])
        line(
            f"{peer} {figures['version']}",
            f"adding {figures['added']:.0f} chunks/s, p50 {figures['p50']:.2f} ms, "
            f"p95 {figures['p95']:.2f} ms, {figures['p50'] / ours.median:.1f} times ours, {figures['memory']:.0f} MB"
            + (
                f", first answer of a new process after {figures['start']:.2f} s"
                if "start" in figures
                else ""
            ),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--peers", default=os.environ.get("MCP_BENCH_PEERS", ""), metavar="PYTHON")
    options = parser.parse_args()
    embedding = embedding_time()
    questions = clustered(len(ASKED), seed=2)
    for size in options.sizes:
        print(f"{size} chunks of about {WORDS_A_CHUNK} words, {DIMENSION} dimensions", flush=True)
        texts, vectors = passages(size), clustered(size, seed=1)
        with tempfile.TemporaryDirectory() as folder:
            index = build(texts, vectors, questions)
            measure_start(index, Path(folder))
            ours = measure_search(index, questions, embedding)
            if options.peers:
                measure_peers(options.peers, texts, vectors, questions, ours, Path(folder))


if __name__ == "__main__":
    main()
