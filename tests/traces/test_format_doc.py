"""The writers in docs/trace-format.md do what the page says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.traces.file import read_trace
from auscult.traces.manifest import manifest_from_json, manifest_to_json
from auscult.traces.npy_folder import read_npy_folder
from auscult.traces.records import Manifest

PAGE = (Path(__file__).parents[2] / "docs" / "trace-format.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- test: (\w+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))


def run(name: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(BLOCKS[name], f"docs/trace-format.md ({name})", "exec"), space)
    return space


def test_the_writers_are_short() -> None:
    assert set(BLOCKS) == {"torch", "mlx", "numpy", "cpp"}
    for name, code in {**BLOCKS, "swift": PAGE.split("```swift\n")[1].split("```")[0]}.items():
        assert (
            len(
                [
                    line
                    for line in code.splitlines()
                    if line.strip() and not line.startswith(("#", "//"))
                ]
            )
            <= 25
        ), name


def test_torch(tmp_path: Path) -> None:
    import torch

    from tests.traced_networks import Vocoder

    model, mel = Vocoder(), torch.randn(1, 8, 10)
    run("torch")["record"](model, str(tmp_path / "t"), mel)
    trace = read_trace(tmp_path / "t")
    with torch.no_grad():
        expected = model(mel).numpy()
    np.testing.assert_array_equal(trace.tensor(trace.find("")), expected)  # type: ignore[arg-type]
    assert trace.records[0].key == "#0:input"
    paths = [record.path for record in trace]
    assert (
        paths.index("up")
        < paths.index("blocks.0.first")
        < paths.index("blocks.0")
        < paths.index("post")
    )
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["mlx", "numpy"])
def test_explicit_keeping(name: str, tmp_path: Path) -> None:
    space = run(name)
    make = np.asarray
    if name == "mlx":
        make = space["mx"].array
    values = {f"layer.{i}": np.arange(6, dtype=np.float32).reshape(1, 2, 3) + i for i in (3, 1, 2)}
    space["keep"]("", make(values["layer.1"]), "input")
    for path, value in values.items():
        space["keep"](path, make(value))
    space["keep"]("layer.3", make(values["layer.2"]))
    space["save"](str(tmp_path / f"{name}.safetensors"))
    trace = read_trace(tmp_path / f"{name}.safetensors")
    assert [r.key for r in trace] == [
        "#0:input",
        *(f"{path}#0:output" for path in values),
        "layer.3#1:output",
    ]
    assert trace.manifest.framework == name
    assert (trace.records[1].axes == "NTC") == (name == "mlx")
    for path, value in values.items():
        np.testing.assert_array_equal(trace.tensor(trace.find(path)), value)  # type: ignore[arg-type]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_cpp(tmp_path: Path) -> None:
    main = """
int main(int, char** names) {
    std::vector<float> x = {1, 2, 3, 4, 5, 6};
    keep(names[1], "decoder.ups.0", x.data(), {1, 2, 3});
    keep(names[1], "tanh", x.data(), {6});
    keep(names[1], "gain", x.data(), {});
}
"""
    (tmp_path / "dump").mkdir()
    (tmp_path / "m.cpp").write_text(BLOCKS["cpp"] + main)
    subprocess.run(
        ["g++", "-std=c++11", "-Wall", "-Werror", "-o", tmp_path / "m", tmp_path / "m.cpp"],
        check=True,
    )
    subprocess.run([tmp_path / "m", tmp_path / "dump"], check=True)
    trace = read_npy_folder(tmp_path / "dump")
    assert [(r.key, r.shape) for r in trace] == [
        ("decoder.ups.0#0:output", (1, 2, 3)),
        ("tanh#0:output", (6,)),
        ("gain#0:output", ()),
    ]
    np.testing.assert_array_equal(trace.tensor(trace.records[0]).reshape(-1), [1, 2, 3, 4, 5, 6])


def test_the_page_names_every_field_of_the_manifest() -> None:
    import json

    for name in (*json.loads(manifest_to_json(Manifest("x"), (), {})), "order", "types", "axes"):
        assert f"`{name}`" in PAGE, name
    assert manifest_from_json({}, "nowhere").framework == "unknown"
