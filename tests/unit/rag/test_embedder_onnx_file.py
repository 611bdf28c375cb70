from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.embedders.base import EmbedderUnavailable
from rag.embedders.onnx_file import FLOAT, Graph
from rag.embedders.onnx_session import open_session

pytest.importorskip("onnxruntime", reason="onnxruntime has no build here")


def run(graph: Graph, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return list(open_session(graph.serialise()).run(None, {"x": x}))


def test_a_graph_computes_with_constants_and_attributes_of_every_kind() -> None:
    graph = Graph("test")
    x = graph.input("x", FLOAT, ["rows", 4])
    scaled = graph.node("LeakyRelu", x, alpha=0.25)
    moved = graph.node("Transpose", scaled, perm=[1, 0])
    total = graph.node("ReduceSum", moved, graph.constant("axis", [-1]), keepdims=0)
    graph.output(graph.node("Mul", total, graph.constant("factor", 2.0)), FLOAT, [4])

    values = np.array([[1, -4, 0, 300], [2, 4, -8, 0]], dtype=np.float32)

    assert run(graph, values)[0].tolist() == [6.0, 6.0, -4.0, 600.0]


def test_nodes_can_have_several_outputs_and_leave_out_an_input() -> None:
    graph = Graph("test")
    x = graph.input("x", FLOAT, ["rows", 4])
    left, right = graph.split("Split", [x, graph.constant("sizes", [1, 3])], 2, axis=-1)
    highest = graph.constant("highest", np.float32(2))
    graph.output(graph.node("Clip", right, "", highest), FLOAT, ["rows", 3])
    graph.output(left, FLOAT, ["rows", 1], first=True)

    first, second = run(graph, np.array([[1, 2, 3, -4]], dtype=np.float32))

    assert first.tolist() == [[1.0]] and second.tolist() == [[2.0, 2.0, -4.0]]


def test_a_constant_of_a_known_name_is_stored_once() -> None:
    graph = Graph("test")
    matrix = np.ones((4, 64), dtype=np.float32)
    once = len(_doubled(Graph("test"), matrix, names=("w",)))

    graph_bytes = _doubled(graph, matrix, names=("w", "w"))

    assert len(graph_bytes) < once + matrix.nbytes


def _doubled(graph: Graph, matrix: NDArray[np.float32], names: tuple[str, ...]) -> bytes:
    x = graph.input("x", FLOAT, ["rows", 4])
    for name in names:
        graph.output(graph.node("MatMul", x, graph.constant(name, matrix)), FLOAT, ["rows", 64])
    return graph.serialise()


def test_any_number_of_rows_fits_a_named_dimension() -> None:
    graph = Graph("test")
    graph.output(graph.node("Abs", graph.input("x", FLOAT, ["rows", 4])), FLOAT, ["rows", 4])
    session = open_session(graph.serialise())

    for rows in (1, 7, 200):
        values = np.full((rows, 4), -1, dtype=np.float32)
        assert (session.run(None, {"x": values})[0] == 1).all()


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(EmbedderUnavailable, match="refuses"):
        open_session(b"not a model")
