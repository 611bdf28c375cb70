"""One peer's figures as JSON, for ``benchmarks/retrieval.py``; runs in the peers' own environment.

python _peers.py PEER FOLDER
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
BATCH = 1000
Ask = Callable[[int], Any]


def load(folder: Path) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    texts = json.loads((folder / "texts.json").read_text())
    with np.load(folder / "data.npz") as data:
        return texts["texts"], texts["questions"], data["vectors"], data["questions"]


def chromadb(folder: Path) -> tuple[Ask, float]:
    import chromadb as library

    texts, _, vectors, asked = load(folder)
    client = library.PersistentClient(str(folder / "chroma"))
    collection = client.create_collection("chunks", metadata={"hnsw:space": "cosine"})
    start = time.perf_counter()
    for at in range(0, len(texts), BATCH):
        collection.add(
            ids=[str(number) for number in range(at, min(at + BATCH, len(texts)))],
            documents=texts[at : at + BATCH],
            embeddings=list(vectors[at : at + BATCH]),
        )
    taken = time.perf_counter() - start
    return lambda number: collection.query(query_embeddings=[asked[number]], n_results=30), taken


def haystack_store(folder: Path) -> tuple[Any, float]:
    from haystack import Document
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    texts, _, vectors, _ = load(folder)
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    start = time.perf_counter()
    store.write_documents(
        [Document(content=text, embedding=row.tolist()) for text, row in zip(texts, vectors, strict=True)]
    )
    return store, time.perf_counter() - start


def haystack(folder: Path) -> tuple[Ask, float]:
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever

    store, taken = haystack_store(folder)
    asked = load(folder)[3].tolist()
    retriever = InMemoryEmbeddingRetriever(store, top_k=30)
    return lambda number: retriever.run(query_embedding=asked[number]), taken


def haystack_hybrid(folder: Path) -> tuple[Ask, float]:
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever

    store, taken = haystack_store(folder)
    _, words, _, vectors = load(folder)
    asked = vectors.tolist()
    by_words = InMemoryBM25Retriever(store, top_k=30)
    by_meaning = InMemoryEmbeddingRetriever(store, top_k=30)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=30)

    def ask(number: int) -> Any:
        found = [by_words.run(query=words[number]), by_meaning.run(query_embedding=asked[number])]
        return joiner.run(documents=[each["documents"] for each in found])

    return ask, taken


def first_answer(folder: Path) -> None:
    """Open what ``chromadb`` has stored and ask once; prints the seconds since the interpreter ran this file."""
    start = time.perf_counter()
    import chromadb as library

    collection = library.PersistentClient(str(folder / "chroma")).get_collection("chunks")
    with np.load(folder / "data.npz") as data:
        collection.query(query_embeddings=[data["questions"][0]], n_results=30)
    print(time.perf_counter() - start)


PEERS = {
    "chromadb": (chromadb, "chromadb"),
    "haystack": (haystack, "haystack-ai"),
    "haystack-hybrid": (haystack_hybrid, "haystack-ai"),
}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "first-answer":
        first_answer(folder)
        return
    make, package = PEERS[name]
    ask, taken = make(folder)
    count, asked = len(load(folder)[0]), len(load(folder)[3])
    ask(0)
    spent = []
    while len(spent) < 3 * asked and (len(spent) < 20 or sum(spent) < 20):
        start = time.perf_counter()
        ask(len(spent) % asked)
        spent.append(time.perf_counter() - start)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    figures = {
        "version": version(package),
        "added": count / taken,
        "p50": float(np.median(spent)) * 1000,
        "p95": float(np.percentile(spent, 95)) * 1000,
        "memory": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }
    if name == "chromadb":
        command = [sys.executable, __file__, "first-answer", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures["start"] = float(done.stdout.splitlines()[-1])
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
