from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag.embedders.e5_graph import ExactLinear, Layer, Linear
from rag.embedders.e5_int8 import Int8Linear
from rag.embedders.onnx_file import FLOAT, Graph
from rag.embedders.onnx_session import open_session

pytest.importorskip("onnxruntime", reason="onnxruntime has no build here")

INPUTS, OUTPUTS = 64, 32
Values = NDArray[np.float32]


def layer(*, after_gelu: bool = False, seed: int = 0) -> Layer:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((OUTPUTS, INPUTS)).astype(np.float32)
    return Layer("layer", matrix, rng.standard_normal(OUTPUTS).astype(np.float32), after_gelu=after_gelu)


def activations(rows: int = 40, *, outliers: tuple[int, ...] = (), after_gelu: bool = False) -> Values:
    values = np.random.default_rng(1).standard_normal((rows, INPUTS)).astype(np.float32)
    values[:, list(outliers)] *= 100
    # A close relative of GELU that numpy can compute; it is never below -0.164.
    return values / (1 + np.exp(-1.702 * np.clip(values, -50, 50))) if after_gelu else values


def compute(linear: Linear, what: Layer, x: Values) -> Values:
    graph = Graph("test")
    result = linear(graph, graph.input("x", FLOAT, ["rows", INPUTS]), what)
    graph.output(result, FLOAT, ["rows", OUTPUTS], first=True)
    return open_session(graph.serialise()).run(None, {"x": x})[0]


def int8(peaks: Values, *, fine: bool = False) -> Int8Linear:
    return Int8Linear({"layer": peaks}, fine_from=0 if fine else 1)


def relative_error(what: Layer, x: Values, peaks: Values, *, fine: bool = False) -> float:
    exact = x @ what.matrix.T + what.bias
    found = compute(int8(peaks, fine=fine), what, x)
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("after_gelu", [False, True])
def test_integers_come_close_to_the_exact_product(after_gelu: bool) -> None:
    x = activations(after_gelu=after_gelu)

    assert relative_error(layer(after_gelu=after_gelu), x, np.abs(x).max(axis=0)) < 0.01


@pytest.mark.parametrize("after_gelu", [False, True])
def test_fine_layers_halve_the_error(after_gelu: bool) -> None:
    x, what = activations(rows=400, outliers=(5,), after_gelu=after_gelu), layer(after_gelu=after_gelu)
    peaks = np.abs(x).max(axis=0)

    assert relative_error(what, x, peaks, fine=True) < 0.6 * relative_error(what, x, peaks)


@pytest.mark.parametrize("after_gelu", [False, True])
def test_known_outliers_cost_no_precision_and_unknown_ones_do(after_gelu: bool) -> None:
    x, what = activations(outliers=(3, 50), after_gelu=after_gelu), layer(after_gelu=after_gelu)
    known, unknown = np.abs(x).max(axis=0), np.ones(INPUTS, dtype=np.float32)

    regular = np.delete(x, [3, 50], axis=1) @ np.delete(what.matrix, [3, 50], axis=1).T
    scale = np.linalg.norm(regular) / np.linalg.norm(x @ what.matrix.T + what.bias)

    assert relative_error(what, x, known) < 0.01 * scale
    assert relative_error(what, x, np.arange(INPUTS, 0, -1) * unknown) > 0.01 * scale


@pytest.mark.parametrize("fine", [False, True])
def test_a_row_does_not_depend_on_the_rows_beside_it(fine: bool) -> None:
    x, linear = activations(outliers=(7,)), int8(np.ones(INPUTS, dtype=np.float32), fine=fine)
    alone = np.concatenate([compute(linear, layer(), row[None]) for row in x])

    assert np.array_equal(compute(linear, layer(), x), alone)


@given(st.permutations(range(INPUTS)))
def test_the_order_of_the_inputs_does_not_matter(order: list[int]) -> None:
    x, what = activations(rows=3, outliers=(1, 2)), layer()
    peaks = np.abs(x).max(axis=0)
    shuffled = Layer("layer", what.matrix[:, order], what.bias)

    found = compute(int8(peaks[order]), shuffled, x[:, order])

    expected = compute(int8(peaks), what, x)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-2)


def test_the_observer_reports_the_largest_magnitude_of_each_input() -> None:
    graph, observer, x = Graph("test"), ExactLinear(observe=True), activations()
    result = observer(graph, graph.input("x", FLOAT, ["rows", INPUTS]), layer())
    graph.output(result, FLOAT, ["rows", OUTPUTS], first=True)

    product, peaks = open_session(graph.serialise()).run(None, {"x": x})

    assert np.allclose(product, x @ layer().matrix.T + layer().bias, atol=1e-4)
    assert np.array_equal(peaks, np.abs(x).max(axis=0))
    assert observer.observed == ["layer"]
