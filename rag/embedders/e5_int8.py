"""Linear layers in 8-bit integers, more exact than the package's own engine. Pure.

Weights are rounded to 8 bits per row, activations to 8 bits per token while the model runs. Two measures keep the
vectors right; without them the error (1 - cosine to float32) is 7e-4, with them 3e-5, the package's engine has 7e-5:

- A few input channels of this model are tens of times larger than the others and would leave these too few steps.
  They are the same for every text, so they are found once and computed in float32, as in LLM.int8() (Dettmers et
  al., 2022).
- From the fifth encoder layer on, where errors are no longer damped, activations are rounded twice, half a step
  apart, and weights are split into two bytes: twice the products for a quarter of the error.
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
FINE_FROM = 4
"""The first encoder layer that is rounded twice."""
_GELU_FLOOR = 0.17
"""GELU is never below -0.16998; raised by this its values are positive and use all 256 steps."""


@dataclass(frozen=True, slots=True)
class _Rounded:
    """A matrix as bytes: ``bytes * scales[:, None]``, the halves of a fine one beside each other."""

    bytes: NDArray[np.int8]
    scales: Floats
    fine: bool

    def row_sums(self, half: int = 0) -> Floats:
        """Sum of each row's rounded weights; of the second byte only if ``half`` is 1."""
        start = self.bytes.shape[1] // 2 * half
        sums: Floats = self.scales * self.bytes[:, start:].sum(axis=1, dtype=np.int32)
        return sums


class Int8Linear:
    """Linear layers in 8-bit integers, all but the ``OUTLIERS`` inputs with the largest ``peaks``."""

    def __init__(self, peaks: Mapping[str, Floats], *, fine_from: int = FINE_FROM) -> None:
        self._peaks = peaks
        self._fine_from = fine_from

    def __call__(self, graph: Graph, x: str, layer: Layer) -> str:
        outliers = np.sort(np.argsort(-self._peaks[layer.name], kind="stable")[:OUTLIERS])
        regular = np.ones(layer.matrix.shape[1], dtype=np.float32)
        regular[outliers] = 0
        rounded = _round(layer.matrix * regular, fine=layer.depth >= self._fine_from)
        bias, raised = layer.bias, x
        if layer.after_gelu:
            raised = graph.node("Add", x, graph.constant("gelu_floor", _GELU_FLOOR))
            bias = (bias - _GELU_FLOOR * rounded.row_sums()).astype(np.float32)
        product = _product(graph, raised, layer, rounded, regular)
        kept = graph.node(
            "Gather", x, graph.constant(f"{layer.name}.kept", outliers.astype(np.int64)), axis=-1
        )
        columns = graph.constant(f"{layer.name}.columns", layer.matrix[:, outliers].T)
        return graph.node(
            "Add", product, graph.node("Gemm", kept, columns, graph.constant(f"{layer.name}.b", bias))
        )


def _round(matrix: Floats, *, fine: bool) -> _Rounded:
    levels = 254 if fine else 127
    scales = (np.abs(matrix).max(axis=1) / levels).astype(np.float32)
    whole = np.rint(matrix / scales[:, None])
    if not fine:
        return _Rounded(whole.astype(np.int8), scales, fine)
    first = np.rint(whole / 2)
    return _Rounded(np.concatenate([first, whole - first], axis=1).astype(np.int8), scales, fine)


def _product(graph: Graph, x: str, layer: Layer, rounded: _Rounded, regular: Floats) -> str:
    """``x`` times the rounded matrix. Outliers saturate, which is harmless: their weights are zero."""
    positive = layer.after_gelu
    # One step is left free for the half step up.
    steps = (255 if positive else 127) - rounded.fine
    step = graph.constant(f"step{steps}", 1 / steps)
    zero = graph.constant("zero" if positive else "middle", np.uint8(0 if positive else 128))
    largest = _largest(graph, x, layer, regular)
    scaled = graph.node("Div", x, largest)
    activations = graph.node("QuantizeLinear", scaled, step, zero)
    correction = []
    if rounded.fine:
        up = graph.node("Add", scaled, graph.constant(f"half_step{steps}", 0.5 / steps))
        activations = graph.node("Concat", activations, graph.node("QuantizeLinear", up, step, zero), axis=-1)
        half_steps = (-0.5 / steps * rounded.row_sums(half=1)).astype(np.float32)
        correction = [graph.constant(f"{layer.name}.half_steps", half_steps)]
    product = graph.node(
        "MatMulIntegerToFloat",
        activations,
        graph.constant(f"{layer.name}.bytes", rounded.bytes.T),
        step,
        graph.constant(f"{layer.name}.scales", rounded.scales),
        zero,
        graph.constant(f"{layer.name}.zeros", np.zeros(len(rounded.scales), dtype=np.int8)),
        *correction,
        domain=CONTRIB,
    )
    return graph.node("Mul", product, largest)


def _largest(graph: Graph, x: str, layer: Layer, regular: Floats) -> str:
    """Largest magnitude of each token's regular inputs. Never zero: they come out of a normalisation,
    an attention over its results, or are raised above zero."""
    masked = graph.node("Mul", x, graph.constant(f"{layer.name}.regular", regular))
    if not layer.after_gelu:
        masked = graph.node("Abs", masked)
    return graph.node("ReduceMax", masked, graph.constant("channels_axis", [-1]), keepdims=1)
