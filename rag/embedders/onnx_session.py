"""The one place that talks to onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Protocol

from rag.embedders.base import EmbedderUnavailable
from rag.embedders.e5_weights import Floats


class Session(Protocol):
    """The part of onnxruntime.InferenceSession that we use; safe to run from many threads."""

    def run(self, outputs: None, inputs: Mapping[str, Floats]) -> Sequence[Floats]:
        """All outputs of the graph."""
        ...


def runtime() -> ModuleType:
    """onnxruntime, kept from reporting home. Raises EmbedderUnavailable when it is not installed or does not load."""
    # Its builds since 1.29 send use data to their maker unless this is set before the library loads.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise EmbedderUnavailable(f"onnxruntime has no build here ({error})") from error
    module: ModuleType = onnxruntime
    return module


def open_session(model: str | bytes) -> Session:
    """A session that computes on the thread that calls it; ``model`` is a path or the file's bytes.

    Raises EmbedderUnavailable when onnxruntime is not installed or refuses the model.
    """
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Memory plans are kept per input shape, and every length is a shape of its own.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        session: Session = onnxruntime.InferenceSession(
            model,
            options,
            providers=["CPUExecutionProvider"],
            # This fusion computes the same four times slower (onnxruntime 1.32, x86-64).
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    except Exception as error:  # onnxruntime's exceptions have no base of their own
        raise EmbedderUnavailable(f"onnxruntime refuses the model ({error})") from error
    return session
