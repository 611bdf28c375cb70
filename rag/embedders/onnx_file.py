"""Writer of ONNX model files: the few protobuf messages that our graphs need. Pure.

Field numbers are those of onnx.proto (ONNX IR version 10). Writing them ourselves spares every installation
the 31 MB ``onnx`` package, which would be used once, at the first start.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 10
OPSET = 20
CONTRIB = "com.microsoft"
"""Domain of the operators that only onnxruntime has."""
FLOAT = 1
_TENSOR_TYPES = {"float32": FLOAT, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_INTS = 1, 2, 7

Attribute = int | float | Sequence[int]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _message(number: int, payload: bytes | str) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _repeated(number: int, values: Iterable[str]) -> bytes:
    return b"".join(_message(number, value) for value in values)


def _attribute(name: str, value: Attribute) -> bytes:
    head = _message(1, name)
    if isinstance(value, float):
        return head + _float(2, value) + _integer(20, _ATTRIBUTE_FLOAT)
    if isinstance(value, int):
        return head + _integer(3, value) + _integer(20, _ATTRIBUTE_INT)
    return head + b"".join(_integer(8, item) for item in value) + _integer(20, _ATTRIBUTE_INTS)


def _tensor(name: str, values: NDArray[np.generic]) -> bytes:
    dimensions = b"".join(_integer(1, size) for size in values.shape)
    kind = _integer(2, _TENSOR_TYPES[values.dtype.name])
    return dimensions + kind + _message(8, name) + _message(9, np.ascontiguousarray(values).tobytes())


def _value_info(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _message(1, _integer(1, size) if isinstance(size, int) else _message(2, size)) for size in shape
    )
    return _message(1, name) + _message(2, _message(1, _integer(1, kind) + _message(2, sizes)))


@dataclass(slots=True)
class Graph:
    """A graph under construction; tensors are known by name."""

    name: str
    _nodes: list[bytes] = field(default_factory=list)
    _constants: dict[str, bytes] = field(default_factory=dict)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """Declares an input and returns its name; a text in ``shape`` names a free dimension."""
        self._inputs.append(_value_info(name, kind, shape))
        return name

    def output(self, name: str, kind: int, shape: Sequence[int | str], *, first: bool = False) -> None:
        """Declares the tensor ``name`` as an output, after or before those declared so far."""
        self._outputs.insert(0 if first else len(self._outputs), _value_info(name, kind, shape))

    def constant(self, name: str, values: NDArray[np.generic] | np.generic | float | Sequence[int]) -> str:
        """Adds a constant, or finds it if ``name`` is known, and returns its name; floats become float32."""
        if name not in self._constants:
            array = np.asarray(values)
            self._constants[name] = _tensor(name, array.astype(np.float32) if array.dtype == float else array)
        return name

    def split(
        self, operator: str, inputs: Sequence[str], outputs: int, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """Adds a node and returns its outputs' names; an empty name in ``inputs`` leaves that one out."""
        names = [f"{operator}_{len(self._nodes)}_{n}" for n in range(outputs)]
        self._nodes.append(
            _repeated(1, inputs)
            + _repeated(2, names)
            + _message(4, operator)
            + b"".join(_message(5, _attribute(key, value)) for key, value in attributes.items())
            + _message(7, domain)
        )
        return names

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Adds a node with one output and returns its name."""
        return self.split(operator, inputs, 1, domain, **attributes)[0]

    def serialise(self) -> bytes:
        """The model file."""
        graph = b"".join(_message(1, node) for node in self._nodes) + _message(2, self.name)
        graph += b"".join(_message(5, tensor) for tensor in self._constants.values())
        graph += b"".join(_message(11, value) for value in self._inputs)
        graph += b"".join(_message(12, value) for value in self._outputs)
        opsets = b"".join(
            _message(8, _message(1, domain) + _integer(2, version))
            for domain, version in (("", OPSET), (CONTRIB, 1))
        )
        return _integer(1, IR_VERSION) + _message(7, graph) + opsets
