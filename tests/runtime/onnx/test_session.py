"""Sessions of ONNX Runtime: errors in one line, and how large results will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.errors import TargetError
from auscult.runtime.onnx.session import (
    infer_result_bytes,
    open_session,
    read_profiled_bytes,
    run_session,
)
from auscult.weights import Array
from tests.runtime.onnx.graphs import WEIGHTS, Node, X, write_graph

NODES: tuple[Node, ...] = (
    ("MatMul", ["x", "w"], ["y"], "first"),
    ("Relu", ["y"], ["z"], "second"),
)


def open_graph(tmp_path: Path, profile: str | None = None) -> Any:
    path = write_graph(tmp_path / "m.onnx", NODES)
    return open_session(path.read_bytes(), tmp_path, "m.onnx", profile)


def test_a_run(tmp_path: Path) -> None:
    feeds: dict[str, Array] = {**X, "of another model": np.zeros(3)}
    (z,) = run_session(open_graph(tmp_path), ["z"], feeds, "m.onnx")
    assert np.allclose(z, np.maximum(X["x"] @ WEIGHTS["w"], 0), atol=1e-5)


def test_errors_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="ONNX Runtime refuses it"):
        open_session(b"nothing", tmp_path, "m.onnx")
    with pytest.raises(TargetError, match="stopped"):
        run_session(open_graph(tmp_path), ["z"], {"x": np.zeros((1, 5), np.float32)}, "m.onnx")


def test_sizes_that_are_inferred_and_measured(tmp_path: Path) -> None:
    assert infer_result_bytes(open_graph(tmp_path), X) == 12
    session = open_graph(tmp_path, str(tmp_path / "profile"))
    run_session(session, ["z"], X, "m.onnx")
    assert read_profiled_bytes(session) == {"first": 12, "second": 12}
