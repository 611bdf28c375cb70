"""Semantic cache: which threshold and guards let one answer serve two questions without ever serving a wrong one.

    python benchmarks/semantic_cache.py

Paraphrases are ours (``paraphrases.jsonl``). Near but different questions are of three kinds: each question of the
sets with its nearest neighbours that other documents answer; minimal edits made by rule (opening for closing, LND for
Core Lightning, another number, two words exchanged); and the two languages of one question. Sets: ../shared/data, or
the folder in MCP_SHARED, and the operator's guide.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rag import paraphrase  # noqa: E402
from rag.embedders import load_local_embedder  # noqa: E402
from rag.embedders.base import Embedder  # noqa: E402
from rag.indexes.analyser import analyse  # noqa: E402
from rag.values import Matrix  # noqa: E402

SHARED = Path(os.environ.get("MCP_SHARED", ROOT.parent / "shared")) / "data"
DATA = Path(os.environ.get("MCP_DATA_DIR", ROOT / "var"))
NEIGHBOURS = 5
SWAPS = (
    ("open", "close"),
    ("opening", "closing"),
    ("inbound", "outbound"),
    ("incoming", "outgoing"),
    ("local", "remote"),
    ("send", "receive"),
    ("sending", "receiving"),
    ("LND", "Core Lightning"),
    ("lnd", "cln"),
    ("lncli", "lightning-cli"),
    ("private", "public"),
    ("before", "after"),
    ("with", "without"),
    ("more", "less"),
    ("maximum", "minimum"),
    ("raise", "lower"),
    ("increase", "decrease"),
    ("hot", "cold"),
    ("start", "stop"),
    ("enable", "disable"),
    ("segwit", "taproot"),
    ("can", "cannot"),
    ("should", "should not"),
    ("is", "is not"),
    ("does", "does not"),
    ("my node", "my peer"),
    ("my peer", "my channel"),
    ("how", "why"),
    ("when", "why"),
    ("what", "who"),
    ("ouvrir", "fermer"),
    ("ouverture", "fermeture"),
    ("entrante", "sortante"),
    ("entrant", "sortant"),
    ("locale", "distante"),
    ("local", "distant"),
    ("envoyer", "recevoir"),
    ("privé", "public"),
    ("avant", "après"),
    ("avec", "sans"),
    ("plus", "moins"),
    ("maximale", "minimale"),
    ("maximum", "minimum"),
    ("augmenter", "baisser"),
    ("démarrer", "arrêter"),
    ("activer", "désactiver"),
    ("mon nœud", "mon pair"),
    ("est", "n'est pas"),
    ("comment", "pourquoi"),
    ("quand", "pourquoi"),
    ("peut-on", "doit-on"),
    ("puis-je", "dois-je"),
)
EXCHANGED = re.compile(
    r"\b([\w\-']{4,}) (to|vers|before|avant|after|après|than|from|into|over|sur|and|et|à) "
    r"(?:an? |the |un |une |le |la )?([\w\-']{4,})\b"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, by place in the list of all."""

    kind: str
    a: int
    b: int


class Texts:
    """All questions, each once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def questions() -> Iterator[tuple[str, str, str, str]]:
    """Yield set, language, what answers it, and text of every question."""
    for path in sorted((SHARED / "retrieval").glob("*.questions.jsonl")):
        for row in _lines(path):
            yield path.name, str(row["lang"]), str(row["rel"]), str(row["question"])
    for row in _lines(SHARED / "questions" / "questions.jsonl"):
        if str(row["id"]).startswith("planb-"):
            yield "courses", str(row["lang"]), str(row["group"]), str(row["question"])
    for row in _lines(ROOT / "rag" / "starter" / "questions.jsonl"):
        yield "guide", str(row["lang"]), str(row["id"]), str(row["question"])


def edits(text: str) -> Iterator[str]:
    """Yield questions that differ from ``text`` in one word, number or order, and ask something else."""
    for one, other in SWAPS:
        for old, new in ((one, other), (other, one)):
            edited = re.sub(
                rf"(?<![\w-]){re.escape(old)}(?![\w'’-])", new, text, count=1, flags=re.IGNORECASE
            )
            if edited != text:
                yield edited
    number = re.search(r"(?<![\w.])\d+(?![\w.])", text)
    if number:
        yield text[: number.start()] + str(int(number[0]) + 1) + text[number.end() :]
    around = EXCHANGED.search(text)
    if around and around[1].lower() != around[3].lower() and analyse(around[1]) and analyse(around[3]):
        yield (
            text[: around.start(1)]
            + around[3]
            + text[around.end(1) : around.start(3)]
            + around[1]
            + text[around.end(3) :]
        )


def pairs(texts: Texts, rows: Sequence[tuple[str, str, str, str]], vectors: Matrix) -> Iterator[Pair]:
    """Yield the near but different pairs among the questions of the sets."""
    for group in {(row[0], row[1]) for row in rows}:
        places = [place for place, row in enumerate(rows) if (row[0], row[1]) == group]
        own = vectors[[texts.place(rows[place][3]) for place in places]]
        cosines = own @ own.T
        np.fill_diagonal(cosines, -1)
        for line, place in enumerate(places):
            near = [int(other) for other in np.argsort(-cosines[line])[: 4 * NEIGHBOURS]]
            different = [other for other in near if rows[places[other]][2] != rows[place][2]]
            for other in different[:NEIGHBOURS]:
                yield Pair("neighbours", texts.place(rows[place][3]), texts.place(rows[places[other]][3]))
    by_answer: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, language, answer, text in rows:
        by_answer.setdefault((name, answer), []).append((language, text))
    for versions in by_answer.values():
        for language, text in versions:
            for other, translated in versions:
                if language < other and text != translated:
                    yield Pair("languages", texts.place(text), texts.place(translated))


def main() -> int:
    """Print false hits and hits by threshold, with and without the guards."""
    embedder = load_local_embedder(DATA / "models", threads=None)
    texts, rows = Texts(), [*questions()]
    paraphrases = [
        (str(row["a"]), str(row["b"])) for row in _lines(ROOT / "benchmarks" / "paraphrases.jsonl")
    ]
    for row in rows:
        texts.place(row[3])
    edited = [
        (text, other) for text in [*texts.places, *{a for a, _ in paraphrases}] for other in edits(text)
    ]
    found = [Pair("paraphrases", texts.place(a), texts.place(b)) for a, b in paraphrases]
    found += [Pair("edits", texts.place(a), texts.place(b)) for a, b in edited]
    vectors = embed([*texts.places], embedder)
    found += pairs(texts, rows, vectors)
    report(found, [*texts.places], vectors)
    return 0


def embed(texts: Sequence[str], embedder: Embedder) -> Matrix:
    return np.stack([embedder.embed_query(text) for text in texts])


def report(found: Sequence[Pair], texts: Sequence[str], vectors: Matrix) -> None:
    """Print the table and the pairs that slip through."""
    kinds = list(dict.fromkeys(pair.kind for pair in found))
    print("pairs:", ", ".join(f"{kind} {sum(pair.kind == kind for pair in found)}" for kind in kinds))
    cosines = np.array([float(vectors[pair.a] @ vectors[pair.b]) for pair in found])
    guarded = np.array([paraphrase.same_question(texts[pair.a], texts[pair.b], 1.0) for pair in found])
    of_kind = {kind: np.array([pair.kind == kind for pair in found]) for kind in kinds}
    print("\nshare served, %     | " + " | ".join(f"{kind:>22}" for kind in kinds))
    print("cosine at least     | " + " | ".join(f"{'alone':>10} {'guarded':>11}" for _ in kinds))
    for threshold in (0.0, 0.86, 0.88, 0.90, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99):
        near = cosines >= threshold
        cells = [
            f"{100 * near[of_kind[kind]].mean():>10.2f} {100 * (near & guarded)[of_kind[kind]].mean():>11.2f}"
            for kind in kinds
        ]
        print(f"{threshold:<19} | " + " | ".join(cells))
    print(
        f"\nshipped threshold: {paraphrase.THRESHOLD}; different questions that it would take for the same:"
    )
    for pair, cosine, guard in zip(found, cosines, guarded, strict=True):
        if pair.kind != "paraphrases" and guard and cosine >= paraphrase.THRESHOLD:
            print(f"  {cosine:.3f} {pair.kind}: {texts[pair.a]!r} / {texts[pair.b]!r}")
    print("paraphrases that it misses:")
    for pair, cosine, guard in zip(found, cosines, guarded, strict=True):
        if pair.kind == "paraphrases" and not (guard and cosine >= paraphrase.THRESHOLD):
            print(
                f"  {cosine:.3f} {'words' if not guard else 'cosine'}: {texts[pair.a]!r} / {texts[pair.b]!r}"
            )


if __name__ == "__main__":
    sys.exit(main())
