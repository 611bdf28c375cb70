"""What a worker does for the library; ``mcp_site.wiring`` hands it to the worker."""

from __future__ import annotations

import threading

from rag.ingest import repair as repairs
from rag.ingest.pipeline import Pipeline
from rag.ingest.runner import build_pipeline, limits
from rag.ingest.sandbox import ParserProcess

_local = threading.local()


def ingest() -> bool:
    """Do one step of the pipeline, reading before embedding; return whether there may be more."""
    pipeline = _pipeline()
    return pipeline.read_next() or pipeline.embed_next()


def repair() -> bool:
    """Complete what a crash interrupted."""
    repairs.repair()
    return False


def sweep() -> bool:
    """Remove vectors and files that nothing uses any more."""
    repairs.sweep()
    return False


def _pipeline() -> Pipeline:
    """Return this thread's pipeline; its parser's child starts when first needed and ends with the process."""
    if not hasattr(_local, "pipeline"):
        _local.pipeline = build_pipeline(ParserProcess(limits()))
    pipeline: Pipeline = _local.pipeline
    return pipeline
