"""Choice of the local embedder: the best engine that runs here and proves that it computes the right vectors.

In this order: multilingual-e5-small converted for onnxruntime, in 8 bits and in float32; the same weights on the
package's own engine; the Universal Sentence Encoder in pure numpy. One log line says which one runs, and why
those before it do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from rag.embedders.base import EmbedderUnavailable, LocalEmbedder
from rag.embedders.e5_cache import DerivedFiles
from rag.embedders.e5_convert import PROBES, Precision, derived_name, open_converted
from rag.embedders.e5_native import NativeE5
from rag.embedders.e5_onnx import OnnxE5
from rag.embedders.e5_tokenizer import Tokenizer
from rag.embedders.e5_weights import WeightFile, find_weights
from rag.embedders.onnx_session import runtime
from rag.embedders.use_numpy import NumpyUSE
from rag.values import Matrix

log = logging.getLogger(__name__)

LEAST_COSINE = 0.999
"""Below this a converted model is not trusted; a right one is above 0.9995 on every probe."""

Loader = Callable[[], LocalEmbedder]


def load_local_embedder(cache_dir: Path, *, threads: int | None = None) -> LocalEmbedder:
    """The best embedder of this machine; ``threads`` bounds those that embed passages (default: all CPUs).

    ``cache_dir`` keeps the converted model; the first start fills it. Raises EmbedderUnavailable when not
    even the pure-numpy encoder is installed.
    """
    files = DerivedFiles(cache_dir)
    return first_available(
        (
            lambda: load_converted(files, Precision.INT8, threads=threads),
            lambda: load_converted(files, Precision.FLOAT32, threads=threads),
            lambda: load_native(files, threads=threads),
            NumpyUSE,
        )
    )


def first_available(loaders: Sequence[Loader]) -> LocalEmbedder:
    """What the first loader that does not raise EmbedderUnavailable returns; raises it when all do."""
    reasons: dict[str, None] = {}
    for load in loaders:
        try:
            embedder = load()
        except EmbedderUnavailable as error:
            reasons[str(error)] = None
            continue
        level = logging.WARNING if reasons else logging.INFO
        why = "; ".join(reasons) or "the fastest engine, its vectors verified"
        log.log(level, "embedder_chosen: %s on %s (%s)", embedder.model_id, embedder.engine, why)
        return embedder
    raise EmbedderUnavailable("; ".join(reasons))


def load_converted(files: DerivedFiles, precision: Precision, *, threads: int | None = None) -> OnnxE5:
    """The converted model, verified. Raises EmbedderUnavailable when it cannot run or computes wrong vectors."""
    runtime()
    path = find_weights()
    digest = files.digest(path)
    weights = WeightFile(path)
    tokenizer = Tokenizer(weights.vocabulary())

    def load(wanted: Precision) -> OnnxE5:
        return OnnxE5(
            weights,
            tokenizer,
            open_converted(files, weights, tokenizer, digest, wanted),
            model_id=model_id(digest),
            engine=f"onnxruntime-{wanted}",
            threads=threads,
        )

    embedder = load(precision)
    verify(embedder, _reference(files, digest, lambda: load(Precision.FLOAT32)))
    return embedder


def load_native(files: DerivedFiles, *, threads: int | None = None) -> NativeE5:
    """The package's own engine. Raises EmbedderUnavailable when it is not installed or has no build here."""
    return NativeE5(model_id=model_id(files.digest(find_weights())), threads=threads)


def model_id(digest: str) -> str:
    """Name of the vector space of the weights with this SHA-256, for every engine that passes ``verify``.

    Their vectors are interchangeable, so that moving to another machine or engine does not force a new index.
    """
    return f"multilingual-e5-small:{digest[:12]}"


def verify(embedder: LocalEmbedder, reference: Matrix) -> float:
    """The least cosine between the embedder's vectors of ``PROBES`` and ``reference``.

    Raises EmbedderUnavailable when it is below ``LEAST_COSINE``.
    """
    least = float(np.sum(embedder.embed_passages(PROBES) * reference, axis=1).min())
    if not least >= LEAST_COSINE:  # also when it is not a number
        raise EmbedderUnavailable(f"{embedder.engine} computes wrong vectors here (cosine {least:.4f})")
    return least


def _reference(files: DerivedFiles, digest: str, load_float32: Loader) -> Matrix:
    """Vectors of ``PROBES`` by the package's own engine, computed once and stored.

    Where that engine has no build, the float32 model stands in: it holds the same weights, and plain arithmetic.
    """
    name = derived_name(digest, "probes.npy")
    known = files.read_matrix(name)
    if known is not None and len(known) == len(PROBES):
        return known
    try:
        engine: LocalEmbedder = NativeE5(model_id=model_id(digest))
    except EmbedderUnavailable as error:
        log.warning("embedder_reference_replaced: float32 for the package's engine (%s)", error)
        engine = load_float32()
    reference = engine.embed_passages(PROBES)
    files.write_matrix(name, reference)
    return reference
