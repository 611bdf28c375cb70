"""Choice of the local embedder: the best engine that runs here and proves that it computes the right vectors.

In this order: multilingual-e5-small converted for onnxruntime, the same weights on the package's own engine,
the Universal Sentence Encoder in pure numpy. One log line says which one runs, and why those before it do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rag.embedders import e5_graph
from rag.embedders.base import EmbedderUnavailable, LocalEmbedder
from rag.embedders.e5_cache import DerivedFiles
from rag.embedders.e5_native import NativeE5
from rag.embedders.e5_onnx import OnnxE5, open_session
from rag.embedders.e5_weights import WeightFile, find_weights
from rag.embedders.use_numpy import NumpyUSE
from rag.values import Matrix

log = logging.getLogger(__name__)

PROBES = (
    "Comment équilibrer un canal de paiement dont toute la liquidité est d'un seul côté ?",
    "What happens to my funds when a peer force-closes the channel?",
    "Un nœud annonce ses frais en deux parties : une base en millisatoshis et un taux en parties par million.",
    "A watchtower keeps a penalty transaction for every state; lncli wtclient towers lists those in use.",
    "sauvegarde",
    "option_anchors lets either side bump the fee of a commitment transaction after it has been broadcast.",
)
"""Texts whose vectors every engine must reproduce; they are embedded as passages."""
LEAST_COSINE = 0.999
"""Below this a converted engine is not trusted: a wrong kernel lands far lower, a right one above 0.9998."""


def load_local_embedder(cache_dir: Path, *, threads: int | None = None) -> LocalEmbedder:
    """The best embedder of this machine; ``threads`` bounds those that embed passages (default: all CPUs).

    ``cache_dir`` keeps the converted model; the first start fills it. Raises EmbedderUnavailable when not even
    the pure-numpy encoder is installed.
    """
    files = DerivedFiles(cache_dir)
    attempts: tuple[Callable[[], LocalEmbedder], ...] = (
        lambda: load_onnx_embedder(files, threads=threads),
        lambda: load_native_embedder(files, threads=threads),
        NumpyUSE,
    )
    reasons: list[str] = []
    for attempt in attempts:
        try:
            embedder = attempt()
        except EmbedderUnavailable as error:
            reasons.append(str(error))
            continue
        level = logging.WARNING if reasons else logging.INFO
        why = "; ".join(reasons) or "the fastest engine, its vectors verified"
        log.log(level, "embedder_chosen: %s on %s (%s)", embedder.model_id, embedder.engine, why)
        return embedder
    raise EmbedderUnavailable("; ".join(reasons))


def load_onnx_embedder(files: DerivedFiles, *, threads: int | None = None) -> OnnxE5:
    """The converted model, verified. Raises EmbedderUnavailable when it cannot run or is wrong."""
    path = find_weights()
    digest = files.digest(path)
    name = f"e5-{digest[:16]}-v{e5_graph.CONVERTER_VERSION}.onnx"
    weights = WeightFile(path)
    if not files.path(name).is_file():
        files.write(name, e5_graph.build(weights))
    session = open_session(str(files.path(name)))
    embedder = OnnxE5(
        weights,
        session,
        input_name=e5_graph.INPUT,
        model_id=model_id(digest),
        engine="onnxruntime-float32",
        threads=threads,
    )
    verify(embedder, _reference(files, digest))
    return embedder


def load_native_embedder(files: DerivedFiles, *, threads: int | None = None) -> NativeE5:
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


def _reference(files: DerivedFiles, digest: str) -> Matrix:
    """Vectors of ``PROBES`` by the package's own engine, computed once and stored."""
    name = f"e5-{digest[:16]}-probes.npy"
    known = files.read_matrix(name)
    if known is not None and known.shape[0] == len(PROBES):
        return known
    reference = NativeE5(model_id="").embed_passages(PROBES)
    files.write_matrix(name, reference)
    return reference
