"""Ingest: chunks per second and where the time goes (parse, chunk, embed, write), and memory.

    python benchmarks/ingest.py [FOLDER] [--documents 40]

Takes documents in through the product's own pipeline into an empty data folder. Without FOLDER, the operator's guide.
The share of the embedder is what no other step can win back; the bar is 80 %.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


class Stopwatch:
    """Seconds by step; a step's inner steps are taken out of it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                elapsed = time.perf_counter() - start
                self.seconds[name] += elapsed - self._inner.pop()
                self._inner[-1] += elapsed

        return wrapped


def measure(folder: Path, limit: int) -> None:
    from django.core.management import call_command

    from rag import cli, embedding
    from rag.embedding import active_embedder
    from rag.folders import submit_folder
    from rag.ingest import pipeline as steps
    from rag.ingest.queue import worker_name
    from rag.ingest.runner import limits
    from rag.ingest.sandbox import ParserProcess
    from rag.models import Chunk, Document

    call_command("migrate", verbosity=0)
    files = [str(path) for path in list(cli.files_beneath([str(folder)]))[:limit]]
    submit_folder(user=cli.acting_user(), paths=files)
    embedder, watch = active_embedder(), Stopwatch()
    assert embedder is not None and embedding.active_model()
    embedder.embed_query("warm up")
    embedder.embed_passages = watch.timed("embed", embedder.embed_passages)  # type: ignore[method-assign]
    steps.chunk = watch.timed("chunk", steps.chunk)
    with ParserProcess(limits()) as parser:
        parser.parse(b"# warm up\n\ntext", filename="a.md", media_type=None)
        parser.parse = watch.timed("parse", parser.parse)  # type: ignore[method-assign]
        pipeline = steps.Pipeline(parser=parser, embedder=lambda: embedder, worker=worker_name())
        read, embed = watch.timed("write", pipeline.read_next), watch.timed("write", pipeline.embed_next)
        start = time.perf_counter()
        while read() or embed():
            continue
        total = time.perf_counter() - start
    chunks, ready = Chunk.objects.count(), Document.objects.filter(status="ready").count()
    tokens = sum(Chunk.objects.values_list("tokens", flat=True))
    print(f"{ready} of {len(files)} documents, {chunks} chunks ({tokens / max(1, chunks):.0f} tokens each)")
    print(f"{chunks / total:.1f} chunks/s in all, {total:.1f} s")
    for name in ("parse", "chunk", "embed", "write"):
        print(f"  {name:6s} {watch.seconds[name]:7.2f} s  {100 * watch.seconds[name] / total:5.1f} %")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "rag" / "starter")
    parser.add_argument("--documents", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mcp-bench-") as data:
        os.environ |= {
            "MCP_DATA_DIR": data,
            "DJANGO_SETTINGS_MODULE": "mcp_site.settings",
            "LOG_LEVEL": "ERROR",
        }
        import django

        django.setup()
        measure(options.folder, options.documents)


if __name__ == "__main__":
    main()
