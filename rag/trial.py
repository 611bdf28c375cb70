"""Runs question sets through the product's own parsing, chunking, search and answering, apart from the library.

A set is a file of questions (JSON lines) with its documents: a file of documents beside it, or a folder. Vectors are
kept in the data folder, so that a second run takes seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from rag.embedders.base import Embedder
from rag.embedding import centres_of
from rag.indexes.embedded import EmbeddedIndex
from rag.ingest.chunking import chunk
from rag.ingest.parsers import SUFFIXES, ParseError, ParseLimits, parse
from rag.passages import embedding_text, text_hash
from rag.search import EVIDENCE_HITS, Found
from rag.values import Hit, IndexedChunk, ParsedDocument, Passage, Vector


@dataclass(frozen=True, slots=True)
class Case:
    """A question; ``relevant`` are the names of the documents that answer it, none for an unanswerable one."""

    id: str
    question: str
    language: str
    relevant: frozenset[str]
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A document of a set."""

    name: str
    parsed: ParsedDocument


class BadSet(ValueError):
    """A file is no question set; the message names file and line."""


def read_cases(path: Path) -> list[Case]:
    """Return the questions of a file: ``rel`` (document ids) or ``doc`` (a path) say what answers them."""
    cases = []
    for number, row in _rows(path):
        if not isinstance(row.get("question"), str):
            raise BadSet(f"{path}, line {number}: no question")
        relevant = row.get("rel") or ([row["doc"]] if row.get("doc") else [])
        cases.append(
            Case(
                id=str(row.get("id", number)),
                question=row["question"],
                language=str(row.get("lang", "")),
                relevant=frozenset(map(str, relevant)),
                answerable=bool(row.get("answerable", True)),
            )
        )
    return cases


def read_documents(path: Path) -> Iterator[NamedDocument]:
    """Yield the documents of a file of ``{id, lang, text, title?}`` lines, or of a folder."""
    if path.is_dir():
        yield from _folder(path)
        return
    for number, row in _rows(path):
        if not row.get("id") or not isinstance(row.get("text"), str):
            raise BadSet(f"{path}, line {number}: no id or no text")
        data = row["text"].encode()
        try:
            parsed = parse(data, filename="document.md", media_type=None, limits=ParseLimits())
        except ParseError:
            continue
        language = str(row.get("lang") or parsed.language)
        yield NamedDocument(
            str(row["id"]), replace(parsed, title=str(row.get("title", "")), language=language)
        )


def _folder(root: Path) -> Iterator[NamedDocument]:
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES):
        try:
            parsed = parse(path.read_bytes(), filename=path.name, media_type=None, limits=ParseLimits())
        except ParseError:
            continue
        yield NamedDocument(path.relative_to(root).as_posix(), parsed)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSet(f"{path}: cannot be read ({type(error).__name__})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadSet(f"{path}, line {number}: not JSON ({error.msg})") from error
        if not isinstance(row, dict):
            raise BadSet(f"{path}, line {number}: not an object")
        yield number, row


class TrialLibrary:
    """An index over a set's documents, with what a search in the library would return."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.index = EmbeddedIndex(embedder.model_id)
        self.index.question_centres = centres_of(embedder)
        self._passages: dict[str, Passage] = {}
        self.names: dict[str, str] = {}
        self.languages: dict[str, str] = {}
        self._vectors = VectorFile(embedder)

    def add(self, documents: Sequence[NamedDocument]) -> None:
        """Cut the documents into chunks as the product does, embed and index them."""
        chunks = [each for document in documents for each in self._chunks(document)]
        texts = [embedding_text(each.title, each.heading, each.text) for each in chunks]
        vectors = self._vectors.of(texts)
        by_document: dict[str, list[IndexedChunk]] = {}
        for each, vector in zip(chunks, vectors, strict=True):
            by_document.setdefault(each.document, []).append(replace(each, vector=vector))
        self.index.add_documents(by_document.values())

    def _chunks(self, document: NamedDocument) -> Iterator[IndexedChunk]:
        parsed, key = document.parsed, f"{len(self.names):032x}"
        self.names[key], self.languages[document.name] = document.name, parsed.language
        drafts = chunk(
            parsed,
            count_tokens=self.embedder.count_tokens,
            target_tokens=settings.RAG_CHUNK_TOKENS,
            max_tokens=settings.RAG_CHUNK_MAX_TOKENS,
        )
        for draft in drafts:
            text, name = parsed.text[draft.start : draft.end], f"{len(self._passages):032x}"
            self._passages[name] = Passage(
                hit=Hit(name, key, 0.0),
                title=parsed.title,
                heading=draft.heading,
                text=text,
                start=draft.start,
                end=draft.end,
                language=parsed.language,
                page=draft.page,
            )
            yield IndexedChunk(name, key, key, parsed.language, parsed.title, draft.heading, text)

    def find(
        self,
        question: str,
        vector: Vector,
        *,
        top_k: int,
        language: str | None = None,
        without: frozenset[str],
    ) -> Found:
        """Return passages as ``rag.search.find`` does; ``without`` names documents taken out beforehand."""
        # Each document is a collection of its own here: what is taken out has no influence on any score.
        collections = frozenset(key for key, name in self.names.items() if name not in without)
        hits = self.index.search(
            question,
            vector,
            collections=collections if without else None,
            language=language,
            limit=max(EVIDENCE_HITS, top_k),
        )
        passages = tuple(replace(self._passages[hit.chunk], hit=hit) for hit in hits[:top_k])
        return Found(passages, tuple(hits), vector, incomplete=False)

    def ranking(self, found: Found) -> list[str]:
        """Return document names in the order of their best passages."""
        return list(dict.fromkeys(self.names[hit.document] for hit in found.hits))


class VectorFile:
    """Vectors by text hash in the data folder, for runs that come back."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        name = text_hash(embedder.model_id)[:16]
        self._path = Path(settings.DATA_DIR) / "evaluation" / f"{name}.npz"
        self._known: dict[str, Vector] = {}
        if self._path.is_file():
            with np.load(self._path) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def of(self, texts: Sequence[str]) -> list[Vector]:
        """Return the vectors of texts, computing what is not stored yet."""
        keys = [text_hash(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        names = list(missing)
        for start in range(0, len(names), 256):
            batch = names[start : start + 256]
            vectors = self._embedder.embed_passages([missing[key] for key in batch])
            self._known.update(zip(batch, vectors, strict=True))
        if missing:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".part.npz")
            np.savez(partial, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))
            partial.replace(self._path)
        return [self._known[key] for key in keys]
