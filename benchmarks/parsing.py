"""Parsing and chunking: MB and documents per second, against what the work cannot do without.

    python benchmarks/parsing.py [FOLDER] [--sandbox]

Without FOLDER, ../shared/data/corpus, or the operator's guide where that is absent. Peers, in the same run:
markdown-it alone (our Markdown reader runs it and reads its HTML), BeautifulSoup's text with the same html.parser,
and counting tokens alone (the chunker's only costly call). ``--sandbox`` reads through the child process too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rag.ingest.chunking import chunk  # noqa: E402
from rag.ingest.parsers import ParseLimits, load_all, parse  # noqa: E402
from rag.ingest.sandbox import ParserProcess  # noqa: E402
from rag.values import ParsedDocument  # noqa: E402

LIMITS = ParseLimits()
SUFFIXES = (".md", ".txt", ".html", ".pdf", ".docx")
File = tuple[str, bytes]


def files_of(folder: Path) -> list[File]:
    """Return names and contents of the readable files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return [(path.name, path.read_bytes()) for path in paths]


def timed(call: Callable[[File], object], files: Iterable[File]) -> float:
    """Return seconds for all files."""
    start = time.perf_counter()
    for file in files:
        call(file)
    return time.perf_counter() - start


def report(name: str, seconds: float, files: list[File], note: str = "") -> None:
    size = sum(len(data) for _, data in files) / 1e6
    print(
        f"{name:34}{len(files):6} files {size / seconds:8.2f} MB/s {len(files) / seconds:8.0f} documents/s  {note}"
    )


def read(file: File) -> ParsedDocument:
    name, data = file
    return parse(data, filename=name, media_type=None, limits=LIMITS)


def measure_formats(files: list[File]) -> list[ParsedDocument]:
    for suffix in SUFFIXES:
        if chosen := [file for file in files if file[0].endswith(suffix)]:
            report(f"parse {suffix}", timed(read, chosen), chosen)
    return [read(file) for file in files]


def measure_peers(files: list[File]) -> None:
    from bs4 import BeautifulSoup
    from markdown_it import MarkdownIt

    markdown = [file for file in files if file[0].endswith(".md")]
    peer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    alone = timed(lambda file: peer.render(file[1].decode("utf-8", "replace")), markdown)
    report(
        "markdown-it alone", alone, markdown, f"ours takes {timed(read, markdown) / alone:.2f} times as long"
    )
    pages = [
        (f"{name}.html", b"<html>" + peer.render(data.decode("utf-8", "replace")).encode())
        for name, data in markdown
    ]
    soup = timed(lambda file: BeautifulSoup(file[1], "html.parser").get_text(), pages)
    report(
        "BeautifulSoup text of the same HTML",
        soup,
        pages,
        f"ours takes {timed(read, pages) / soup:.2f} times as long",
    )


def measure_sandbox(files: list[File]) -> None:
    with ParserProcess(LIMITS) as process:
        start = time.perf_counter()
        process.parse(b"# Warm", filename="warm.md")
        print(f"{'start of the child':34}{time.perf_counter() - start:10.2f} s")
        inside, outside = (
            timed(read, files),
            timed(lambda file: process.parse(file[1], filename=file[0]), files),
        )
    overhead = (outside - inside) / len(files) * 1e3
    report("parse in the child", outside, files, f"{overhead:+.2f} ms a document")


def measure_chunks(documents: list[ParsedDocument], cache: Path) -> None:
    from rag.embedders.local import load_local_embedder

    count = load_local_embedder(cache).count_tokens
    start = time.perf_counter()
    for document in documents:
        for block in document.blocks:
            count(document.text[block.start : block.end])
    counting = time.perf_counter() - start
    start = time.perf_counter()
    drafts = [
        draft for document in documents for draft in chunk(document, count_tokens=count, target_tokens=200)
    ]
    seconds = time.perf_counter() - start
    tokens = sum(draft.tokens for draft in drafts)
    print(
        f"{'chunk at 200 tokens':34}{len(drafts):6} chunks {len(drafts) / seconds:8.0f} chunks/s, "
        f"{seconds / counting:.2f} times counting each block once; mean {tokens / len(drafts):.0f} tokens"
    )
    sizes = Counter(min(draft.tokens // 80 * 80, 320) for draft in drafts)
    print("  " + ", ".join(f"{low}+: {sizes[low]}" for low in sorted(sizes)))


def default_folder() -> Path:
    corpus = Path(os.environ.get("MCP_SHARED", ROOT.parent / "shared")) / "data" / "corpus"
    return corpus if corpus.is_dir() else ROOT / "rag" / "starter"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--sandbox", action="store_true", help="also through the child process")
    options = parser.parse_args()
    files = files_of(options.folder)
    load_all()
    documents = measure_formats(files)
    measure_peers(files)
    if options.sandbox:
        measure_sandbox(files)
    with tempfile.TemporaryDirectory() as cache:
        measure_chunks(documents, Path(cache))


if __name__ == "__main__":
    main()
