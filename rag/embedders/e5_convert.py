"""From the package's weights to models for onnxruntime: made at the first start, then read from the cache."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum

import numpy as np

from rag.embedders.base import EmbedderUnavailable
from rag.embedders.e5_cache import DerivedFiles
from rag.embedders.e5_graph import INPUT, ExactLinear, build
from rag.embedders.e5_int8 import Int8Linear
from rag.embedders.e5_tokenizer import Tokenizer
from rag.embedders.e5_weights import Floats, WeightFile
from rag.embedders.onnx_session import Session, open_session

log = logging.getLogger(__name__)

CONVERTER_VERSION = 2
"""Part of the names of derived files: raise it whenever a graph or a probe changes."""

PROBES = (
    "Comment équilibrer un canal de paiement dont toute la liquidité est d'un seul côté ?",
    "What happens to my funds when a peer force-closes the channel?",
    "Un nœud annonce ses frais en deux parties : une base en millisatoshis et un taux par million.",
    "A watchtower keeps a penalty transaction for every state; lncli wtclient towers lists those in use.",
    "sauvegarde",
    "option_anchors lets either side bump the fee of a commitment transaction after its broadcast.",
)
"""Passages that calibrate the conversion, and whose vectors every engine must reproduce."""


_FAMILY = "e5-"


class Precision(StrEnum):
    """How the linear layers of a converted model are computed."""

    INT8 = "int8"
    FLOAT32 = "float32"


def derived_name(digest: str, what: str) -> str:
    """Name of a file derived from the weights with this SHA-256."""
    return f"{_FAMILY}{digest[:16]}-v{CONVERTER_VERSION}-{what}"


def open_converted(
    files: DerivedFiles, weights: WeightFile, tokenizer: Tokenizer, digest: str, precision: Precision
) -> Session:
    """A session of the converted model. A cached file that does not open is made again.

    Raises EmbedderUnavailable when onnxruntime is missing or refuses the fresh model too.
    """
    name = derived_name(digest, f"{precision}.onnx")
    path = files.path(name)
    if path.is_file():
        try:
            return open_session(str(path))
        except EmbedderUnavailable as error:
            log.warning("converted_model_unreadable: %s (%s)", path, error)
    model = _CONVERTERS[precision](weights, tokenizer)
    session = open_session(model)
    files.write(name, model)
    files.forget(_FAMILY, but=derived_name(digest, ""))
    return session


def to_int8(weights: WeightFile, tokenizer: Tokenizer) -> bytes:
    """The model in 8-bit integers, its outlier channels found on ``PROBES``."""
    return build(weights, Int8Linear(find_peaks(weights, tokenizer)))


def to_float32(weights: WeightFile, _tokenizer: Tokenizer) -> bytes:
    """The model in float32."""
    return build(weights, ExactLinear())


def find_peaks(weights: WeightFile, tokenizer: Tokenizer) -> dict[str, Floats]:
    """Largest magnitude of each input channel of each linear layer over ``PROBES``, by name of the layer."""
    observer = ExactLinear(observe=True)
    session = open_session(build(weights, observer))
    runs = [
        session.run(None, {INPUT: weights.embed(np.array(tokenizer.passage(text)))})[1:] for text in PROBES
    ]
    return {name: np.max([run[n] for run in runs], axis=0) for n, name in enumerate(observer.observed)}


_CONVERTERS: dict[Precision, Callable[[WeightFile, Tokenizer], bytes]] = {
    Precision.INT8: to_int8,
    Precision.FLOAT32: to_float32,
}
