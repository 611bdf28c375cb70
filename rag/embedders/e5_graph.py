"""The encoder of multilingual-e5-small as an ONNX graph, built from the package's weights. Pure.

One window in, its mean hidden state out (not normalised, so that windows of a long text can be averaged). A
batch of one needs neither padding nor mask, and a text's vector cannot depend on its neighbours. The encoder
is BERT's (Devlin et al., 2018) with a layer normalisation after each residual sum and the exact GELU.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.embedders.e5_weights import WeightFile
from rag.embedders.onnx_file import CONTRIB, FLOAT, Graph

CONVERTER_VERSION = 1
"""Part of the cached file's name: raise it whenever the graph changes."""
INPUT = "embedded"


class _Encoder:
    def __init__(self, weights: WeightFile) -> None:
        self.weights = weights
        self.graph = Graph("multilingual-e5-small")

    def linear(self, x: str, inputs: int, names: Sequence[str]) -> str:
        """x W^T + b, with the matrices of ``names`` stacked into one."""
        matrix = np.concatenate([self.weights.matrix(f"{name}.w", inputs) for name in names])
        bias = np.concatenate([self.weights.vector(f"{name}.b") for name in names])
        product = self.graph.node("MatMul", x, self.graph.constant(f"{names[0]}.w", matrix.T))
        return self.graph.node("Add", product, self.graph.constant(f"{names[0]}.b", bias))

    def normalise(self, x: str, name: str) -> str:
        scale = self.graph.constant(f"{name}.w", self.weights.vector(f"{name}.w"))
        shift = self.graph.constant(f"{name}.b", self.weights.vector(f"{name}.b"))
        epsilon = self.weights.shape.epsilon
        return self.graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def attend(self, x: str, layer: str) -> str:
        hidden, heads = self.weights.shape.hidden, self.weights.shape.heads
        joined = self.linear(x, hidden, [f"{layer}.q", f"{layer}.k", f"{layer}.v"])
        sizes = self.graph.constant("thirds", [hidden] * 3)
        query, key, value = self.graph.split("Split", [joined, sizes], 3, axis=-1)
        context = self.graph.node("MultiHeadAttention", query, key, value, domain=CONTRIB, num_heads=heads)
        return self.linear(context, hidden, [f"{layer}.ao"])

    def layer(self, x: str, number: int) -> str:
        name, shape = f"l{number}", self.weights.shape
        x = self.normalise(self.graph.node("Add", x, self.attend(x, name)), f"{name}.aln")
        wide = self.graph.node("Gelu", self.linear(x, shape.hidden, [f"{name}.fi"]))
        narrow = self.linear(wide, shape.feed_forward, [f"{name}.fo"])
        return self.normalise(self.graph.node("Add", x, narrow), f"{name}.oln")


def build(weights: WeightFile) -> bytes:
    """An ONNX model in float32: input ``INPUT`` [1, tokens, hidden], one output [1, hidden]."""
    encoder = _Encoder(weights)
    graph, hidden = encoder.graph, weights.shape.hidden
    x = encoder.normalise(graph.input(INPUT, FLOAT, [1, "tokens", hidden]), "emb.ln")
    for number in range(weights.shape.layers):
        x = encoder.layer(x, number)
    mean = graph.node("ReduceMean", x, graph.constant("tokens_axis", [1]), keepdims=0)
    graph.output(mean, FLOAT, [1, hidden])
    return graph.serialise()
