"""Linear layers in 8-bit integers, as exact as the package's own engine. Pure.

Weights are rounded to 8 bits per row, activations to 8 bits per token while the model runs. A few input channels
of this model are tens of times larger than the others and would leave these too few steps; they are the same for
every text, so they are found once and computed in float32, as in LLM.int8() (Dettmers et al., 2022). That one
measure brings the error of the vectors from 7e-4 to 8e-5 (1 - cosine); the package's engine itself has 7e-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.embedders.e5_graph import Layer
from rag.embedders.e5_weights import Floats
from rag.embedders.onnx_file import CONTRIB, Graph

OUTLIERS = 8
"""Input channels of each layer that stay in float32; 16 are hardly better, 4 are worse."""
_GELU_FLOOR = 0.17
"""GELU is never below -0.16998; raised by this its values are positive and use all 256 steps."""


@dataclass(frozen=True, slots=True)
class _Range:
    """How activations become unsigned bytes: steps from zero to the largest, and the byte of zero."""

    steps: int
    zero: int


_SIGNED = _Range(steps=127, zero=128)
_POSITIVE = _Range(steps=255, zero=0)


class Int8Linear:
    """Linear layers in 8-bit integers, all but the ``OUTLIERS`` inputs with the largest ``peaks``."""

    def __init__(self, peaks: Mapping[str, Floats]) -> None:
        self._peaks = peaks

    def __call__(self, graph: Graph, x: str, layer: Layer) -> str:
        outliers = np.sort(np.argsort(-self._peaks[layer.name], kind="stable")[:OUTLIERS])
        regular = layer.matrix.copy()
        regular[:, outliers] = 0
        scales = (np.abs(regular).max(axis=1) / 127).astype(np.float32)
        rounded = np.rint(regular / scales[:, None]).astype(np.int8)
        bias = layer.bias
        raised = x
        if layer.after_gelu:
            raised = graph.node("Add", x, graph.constant("gelu_floor", _GELU_FLOOR))
            bias = bias - _GELU_FLOOR * scales * rounded.sum(axis=1, dtype=np.int64)
        product = _product(graph, raised, layer, rounded, scales, outliers)
        kept = graph.node(
            "Gather", x, graph.constant(f"{layer.name}.kept", outliers.astype(np.int64)), axis=-1
        )
        columns = graph.constant(f"{layer.name}.columns", layer.matrix[:, outliers].T)
        rest = graph.node("Gemm", kept, columns, graph.constant(f"{layer.name}.b", bias.astype(np.float32)))
        return graph.node("Add", product, rest)


def _product(
    graph: Graph,
    x: str,
    layer: Layer,
    rounded: NDArray[np.int8],
    scales: Floats,
    outliers: NDArray[np.int64],
) -> str:
    """``x`` times the rounded matrix. Outliers saturate, which is harmless: their rounded weights are zero."""
    kind = _POSITIVE if layer.after_gelu else _SIGNED
    largest = _largest(graph, x, layer, outliers)
    step = graph.constant(f"step{kind.steps}", 1 / kind.steps)
    zero = graph.constant(f"zero{kind.zero}", np.uint8(kind.zero))
    activations = graph.node("QuantizeLinear", graph.node("Div", x, largest), step, zero)
    product = graph.node(
        "MatMulIntegerToFloat",
        activations,
        graph.constant(f"{layer.name}.q", rounded.T),
        step,
        graph.constant(f"{layer.name}.s", scales),
        zero,
        graph.constant(f"{layer.name}.z", np.zeros(len(scales), dtype=np.int8)),
        domain=CONTRIB,
    )
    return graph.node("Mul", product, largest)


def _largest(graph: Graph, x: str, layer: Layer, outliers: NDArray[np.int64]) -> str:
    """Largest magnitude of each token's regular inputs. Never zero: they come out of a normalisation,
    an attention over its results, or are raised above zero."""
    mask = np.ones(layer.matrix.shape[1], dtype=np.float32)
    mask[outliers] = 0
    regular = graph.node("Mul", x, graph.constant(f"{layer.name}.regular", mask))
    if not layer.after_gelu:
        regular = graph.node("Abs", regular)
    return graph.node("ReduceMax", regular, graph.constant("channels_axis", [-1]), keepdims=1)
