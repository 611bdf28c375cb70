"""Abstention: how well the shipped judgement tells answerable questions from unanswerable ones, beside the bare cosine.

    python benchmarks/abstention.py                  measure the shipped calibration (rag/grounding.json)
    python benchmarks/abstention.py --train          fit it on one half of the questions, write it, measure on the other

Unanswerable are questions of another domain and, the hard ones, questions whose answer was taken out of the index
(in every language). Everything goes through the product's own chunking, index and judgement. Sets: ../shared/data, or
the folder in MCP_SHARED, and the operator's guide. Vectors are kept in the data folder between runs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mcp_site.settings")

import django  # noqa: E402

django.setup()

from calibration import Row, calibrate, report  # noqa: E402

from rag import grounding  # noqa: E402
from rag.embedders.base import Embedder  # noqa: E402
from rag.embedding import centres_of, configured_embedder  # noqa: E402
from rag.evidence import Signals, measure  # noqa: E402
from rag.generators.extractive import extract  # noqa: E402
from rag.indexes.embedded import EmbeddedIndex  # noqa: E402
from rag.ingest.chunking import chunk  # noqa: E402
from rag.ingest.parsers import ParseLimits, parse  # noqa: E402
from rag.passages import embedding_text  # noqa: E402
from rag.search import EVIDENCE_HITS  # noqa: E402
from rag.trial import NamedDocument, VectorFile, read_documents  # noqa: E402
from rag.values import Hit, IndexedChunk, Passage, Vector  # noqa: E402

SHARED = Path(os.environ.get("MCP_SHARED", ROOT.parent / "shared")) / "data"
TOP_K = 8
MOST = 160
"""Questions of a set and direction."""
SMALL = 60
"""Answer groups in the small indexes."""
SAME = [("fr", "fr"), ("en", "en")]
CROSS = [("fr", "en"), ("en", "fr")]
BOTH = [("fr", None), ("en", None)]
OTHER_DOMAIN = "other domain"
SAME_TOPIC = "same topic"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the key of what answers it, None for one of another domain."""

    id: str
    text: str
    language: str
    key: str | None
    vector: Vector

    @property
    def half(self) -> int:
        """Which half of the questions it belongs to; both languages of one question are in the same."""
        return zlib.crc32((self.key or self.id).encode()) % 2


@dataclass
class World:
    """An index in which everything that answers one question forms one collection, so that it can be left out."""

    name: str
    index: EmbeddedIndex
    passages: dict[str, Passage] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Languages in which a key's passages exist."""


def build(
    name: str,
    documents: Sequence[tuple[NamedDocument, dict[str, str]]],
    embedder: Embedder,
    vectors: VectorFile,
) -> World:
    """Return the world of documents; where chapters are given they are the answers, elsewhere whole documents."""
    world = World(name, EmbeddedIndex(embedder.model_id))
    world.index.question_centres = centres_of(embedder)
    chunks = []
    for number, (document, chapters) in enumerate(documents):
        parsed = document.parsed
        drafts = chunk(parsed, count_tokens=embedder.count_tokens, target_tokens=200, max_tokens=320)
        for draft in drafts:
            text, identifier = parsed.text[draft.start : draft.end], f"{len(chunks):032x}"
            key = f"{document.name}/{_chapter(chapters, draft.heading)}" if chapters else document.name
            world.keys[key].add(parsed.language)
            hit = Hit(identifier, f"{number:032x}", 0.0)
            world.passages[identifier] = Passage(
                hit, parsed.title, draft.heading, text, draft.start, draft.end, parsed.language
            )
            chunks.append(
                IndexedChunk(
                    identifier, hit.document, key, parsed.language, parsed.title, draft.heading, text
                )
            )
    found = vectors.of([embedding_text(each.title, each.heading, each.text) for each in chunks])
    by_document: dict[str, list[IndexedChunk]] = defaultdict(list)
    for each, vector in zip(chunks, found, strict=True):
        by_document[each.document].append(replace(each, vector=vector))
    world.index.add_documents(by_document.values())
    return world


def _chapters(source: str) -> dict[str, str]:
    """Return "part.chapter" by heading path, numbered as the quizzes of Plan B do: from the "+++" line on."""
    numbers: dict[str, str] = {}
    part = chapter = 0
    title = ""
    for mark, words in re.findall(r"^(##?) +(.+?) *$", source.partition("+++")[2], re.MULTILINE):
        part, chapter = (part + 1, 0) if mark == "#" else (part, chapter + 1)
        title = words if mark == "#" else title
        numbers[title if mark == "#" else f"{title} › {words}"] = f"{part}.{chapter}"
    return numbers


def _chapter(numbers: dict[str, str], heading: str) -> str:
    levels = heading.split(" › ")
    return numbers.get(" › ".join(levels[:2])) or numbers.get(levels[0], "0.0")


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _group(identifier: str) -> str:
    """Return the name that both language versions of a document share."""
    return identifier.removeprefix("en").removeprefix("fr").removeprefix("/")


def retrieval_set(
    name: str, embedder: Embedder, vectors: VectorFile, most: int | None = None
) -> tuple[World, list[Asked]]:
    """Return a set of ``data/retrieval`` with the first ``most`` of its questions, in an order of their own."""
    documents = [
        (replace(each, name=_group(each.name)), {})
        for each in read_documents(SHARED / "retrieval" / f"{name}.docs.jsonl")
    ]
    asked = [
        Asked(
            row["id"],
            row["question"],
            row["lang"],
            _group(row["rel"][0]),
            embedder.embed_query(row["question"]),
        )
        for row in sorted(
            _lines(SHARED / "retrieval" / f"{name}.questions.jsonl"),
            key=lambda row: zlib.crc32(row["question"].encode()),
        )[:most]
    ]
    return build(name, documents, embedder, vectors), asked


def courses(embedder: Embedder, vectors: VectorFile) -> tuple[World, list[Asked]]:
    """Return the courses of Plan B with their quizzes, by chapter."""
    documents = []
    for path in sorted((SHARED / "corpus").glob("*/planb-courses/*.md")):
        parsed = parse(path.read_bytes(), filename=path.name, media_type=None, limits=ParseLimits())
        language = path.parent.parent.name
        chapters = _chapters(path.read_text(encoding="utf-8"))
        documents.append((NamedDocument(path.stem, replace(parsed, language=language)), chapters))
    world = build("courses", documents, embedder, vectors)
    asked = []
    for row in _lines(SHARED / "questions" / "questions.jsonl"):
        key = f"{row['topic']}/{row.get('part')}.{row.get('chapter')}"
        if row["id"].startswith("planb-") and key in world.keys:
            asked.append(
                Asked(row["group"], row["question"], row["lang"], key, embedder.embed_query(row["question"]))
            )
    return world, asked


def guide(embedder: Embedder, vectors: VectorFile) -> tuple[World, list[Asked]]:
    """Return the operator's guide with its own questions; those that it does not answer have no key."""
    folder = ROOT / "rag" / "starter"
    documents = [(replace(each, name=_group(each.name)), {}) for each in read_documents(folder)]
    asked = [
        Asked(
            row["id"],
            row["question"],
            row["lang"],
            _group(row["doc"]) if row["answerable"] else None,
            embedder.embed_query(row["question"]),
        )
        for row in _lines(folder / "questions.jsonl")
    ]
    return build("guide", documents, embedder, vectors), asked


def judge(
    world: World, asked: Asked, language: str | None, keys: frozenset[str] | None, *, there: bool
) -> Row:
    """Return what the search over the collections ``keys`` gives for a question, with and without its vector."""
    passages, signals = _signals(world, asked, language, keys, asked.vector)
    kept = {passage.hit.chunk for passage in passages}
    return Row(
        world.name,
        world.name,
        f"{asked.language}-{language or 'all'}",
        keys is not None and len(keys) <= SMALL + 1 < len(world.keys),
        asked.half,
        there,
        there and not kept.isdisjoint(_chunks_of(world, asked.key)),
        asked.text,
        signals,
        _signals(world, asked, language, keys, None)[1],
    )


def _signals(
    world: World, asked: Asked, language: str | None, keys: frozenset[str] | None, vector: Vector | None
) -> tuple[list[Passage], Signals]:
    hits = world.index.search(asked.text, vector, collections=keys, language=language, limit=EVIDENCE_HITS)
    passages = [replace(world.passages[hit.chunk], hit=hit) for hit in hits[:TOP_K]]
    if not passages:
        return [], {}
    answer = extract(asked.text, passages, language=asked.language, embed=None, query_vector=None)
    return passages, measure(asked.text, passages, hits=hits, answer=answer, language=asked.language)


_members: dict[tuple[str, str], frozenset[str]] = {}


def _chunks_of(world: World, key: str | None) -> frozenset[str]:
    if not _members or (world.name, "") not in _members:
        by_key: dict[str, set[str]] = defaultdict(set)
        state = world.index._state
        for row in range(state.size):
            by_key[state.collections[int(state.collection_codes[row])]].add(state.ids[row].tobytes().hex())
        _members.update({(world.name, name): frozenset(chunks) for name, chunks in by_key.items()})
        _members[world.name, ""] = frozenset()
    return _members.get((world.name, key or ""), frozenset())


def rows_of(
    world: World, asked: Sequence[Asked], directions: Sequence[tuple[str, str | None]]
) -> Iterator[Row]:
    """Yield each question with its answer there and taken out, in the whole index and in a small one."""
    everything = frozenset(world.keys)
    for spoken, language in directions:
        usable = [
            each
            for each in asked
            if each.language == spoken and each.key and (language is None or language in world.keys[each.key])
        ]
        for each in sorted(usable, key=lambda each: zlib.crc32(each.text.encode()))[:MOST]:
            assert each.key is not None
            rng = np.random.default_rng(zlib.crc32(each.id.encode()))
            small = frozenset(
                rng.choice(sorted(everything), min(SMALL, len(everything)), replace=False).tolist()
            )
            for keys in (everything, small) if len(everything) > 2 * SMALL else (everything,):
                yield judge(world, each, language, keys | {each.key}, there=True)
                yield judge(world, each, language, keys - {each.key}, there=False)


def foreign_rows(world: World, asked: Sequence[Asked], source: str, most: int = 200) -> Iterator[Row]:
    """Yield questions that nothing in the world answers."""
    for each in sorted(asked, key=lambda each: zlib.crc32(each.text.encode()))[:most]:
        yield replace(
            judge(world, replace(each, key=None), None, None, there=False), source=source, half=each.half
        )


def collect(embedder: Embedder) -> list[Row]:
    """Return the rows of all sets."""
    vectors = VectorFile(embedder)
    names = ("optech-qa-enfr", "optech-headlines-enfr", "piaf-fr", "xquad-en")
    worlds = [retrieval_set(name, embedder, vectors) for name in names]
    worlds += [courses(embedder, vectors), guide(embedder, vectors)]
    rows: list[Row] = []
    for world, asked in worlds:
        spoken = {each.language for each in asked}
        directions = SAME + CROSS + BOTH if len(spoken) > 1 else [(language, None) for language in spoken]
        rows += rows_of(world, asked, directions)
        for other, foreign in worlds:
            general = {"piaf-fr", "xquad-en"} & {world.name, other.name}
            if other is not world and general and general != {world.name, other.name}:
                rows += foreign_rows(world, foreign, OTHER_DOMAIN)
        rows += foreign_rows(world, [each for each in asked if each.key is None], SAME_TOPIC)
        print(
            f"{world.name}: {len(world.passages)} passages, {len(rows)} rows so far",
            file=sys.stderr,
            flush=True,
        )
    return rows


def main() -> int:
    """Train if asked to, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--train", action="store_true", help="fit on half 0 of the questions and write the result"
    )
    rows = collect(configured_embedder()) if (arguments := parser.parse_args()) else []
    if arguments.train:
        grounding.WEIGHTS.write_text(json.dumps(calibrate(rows), indent=1) + "\n", encoding="utf-8")
        grounding.calibrations.cache_clear()
    report([row for row in rows if row.half == 1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
