"""The encoder of multilingual-e5-small as an ONNX graph, built from the package's weights. Pure.

One window in, its mean hidden state out (not normalised, so that windows of a long text can be averaged). A
window at a time needs neither padding nor mask, and a text's vector cannot depend on its neighbours. The
encoder is BERT's (Devlin et al., 2018): a layer normalisation after each residual sum, exact GELU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rag.embedders.e5_weights import Floats, WeightFile
from rag.embedders.onnx_file import CONTRIB, FLOAT, Graph

INPUT = "embedded"
"""Name of the graph's input, [tokens, hidden]; the first output is the mean state, [hidden]."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear layer x W^T + b of the encoder."""

    name: str
    matrix: Floats
    """[outputs, inputs]"""
    bias: Floats
    depth: int = 0
    """Number of the encoder layer that it belongs to."""
    after_gelu: bool = False
    """Its input is never much below zero."""


class Linear(Protocol):
    """How linear layers are computed."""

    def __call__(self, graph: Graph, x: str, layer: Layer) -> str:
        """Adds the layer's nodes for the input ``x`` and returns the name of the result."""
        ...


class ExactLinear:
    """Linear layers in float32. With ``observe`` the largest magnitude of each input becomes an output."""

    def __init__(self, *, observe: bool = False) -> None:
        self._observe = observe
        self.observed: list[str] = []
        """Names of the layers, in the order of the graph's additional outputs."""

    def __call__(self, graph: Graph, x: str, layer: Layer) -> str:
        if self._observe:
            tokens = graph.constant("tokens_axis", [0])
            peak = graph.node("ReduceMax", graph.node("Abs", x), tokens, keepdims=0)
            graph.output(peak, FLOAT, [layer.matrix.shape[1]])
            self.observed.append(layer.name)
        product = graph.node("MatMul", x, graph.constant(f"{layer.name}.w", layer.matrix.T))
        return graph.node("Add", product, graph.constant(f"{layer.name}.b", layer.bias))


class _Encoder:
    def __init__(self, weights: WeightFile, linear: Linear) -> None:
        self.weights = weights
        self.shape = weights.shape
        self.graph = Graph("multilingual-e5-small")
        self.linear = linear

    def project(self, x: str, depth: int, parts: Sequence[str], *, after_gelu: bool = False) -> str:
        """A linear layer with the matrices of ``parts`` stacked into one."""
        inputs = self.shape.feed_forward if after_gelu else self.shape.hidden
        names = [f"l{depth}.{part}" for part in parts]
        matrix = np.concatenate([self.weights.matrix(f"{name}.w", inputs) for name in names])
        bias = np.concatenate([self.weights.vector(f"{name}.b") for name in names])
        return self.linear(self.graph, x, Layer(names[0], matrix, bias, depth, after_gelu))

    def normalise(self, x: str, name: str) -> str:
        scale = self.graph.constant(f"{name}.w", self.weights.vector(f"{name}.w"))
        shift = self.graph.constant(f"{name}.b", self.weights.vector(f"{name}.b"))
        return self.graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=self.shape.epsilon)

    def attend(self, x: str, depth: int) -> str:
        graph = self.graph
        batch = graph.constant("batch_axis", [0])
        joined = self.project(x, depth, ["q", "k", "v"])
        sizes = graph.constant("thirds", [self.shape.hidden] * 3)
        parts = graph.split("Split", [graph.node("Unsqueeze", joined, batch), sizes], 3, axis=-1)
        context = graph.node("MultiHeadAttention", *parts, domain=CONTRIB, num_heads=self.shape.heads)
        return self.project(graph.node("Squeeze", context, batch), depth, ["ao"])

    def encode(self, x: str, depth: int) -> str:
        """One layer of the encoder."""
        graph = self.graph
        x = self.normalise(graph.node("Add", x, self.attend(x, depth)), f"l{depth}.aln")
        wide = graph.node("Gelu", self.project(x, depth, ["fi"]))
        narrow = self.project(wide, depth, ["fo"], after_gelu=True)
        return self.normalise(graph.node("Add", x, narrow), f"l{depth}.oln")


def build(weights: WeightFile, linear: Linear) -> bytes:
    """The model file of the encoder with its linear layers computed by ``linear``."""
    encoder = _Encoder(weights, linear)
    graph, hidden = encoder.graph, weights.shape.hidden
    x = encoder.normalise(graph.input(INPUT, FLOAT, ["tokens", hidden]), "emb.ln")
    for depth in range(weights.shape.layers):
        x = encoder.encode(x, depth)
    mean = graph.node("ReduceMean", x, graph.constant("tokens_axis", [0]), keepdims=0)
    graph.output(mean, FLOAT, [hidden], first=True)
    return graph.serialise()
