"""The line that a fix shows gives the weights: it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from auscult.checkpoint import open_checkpoint
from auscult.verbs.inspect.inspect import inspect

STATE = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}


def run_code(path: Path, container: str | None = None) -> dict[str, Any]:
    """What the shown expression gives."""
    code = open_checkpoint(path, container).loading_code
    assert code is not None
    result = eval(code, {"torch": torch, "path": path})
    assert isinstance(result, dict)
    return result


def save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def module() -> torch.nn.Linear:
    linear = torch.nn.Linear(3, 2)
    linear.load_state_dict(STATE)
    return linear


@pytest.mark.parametrize(
    "value",
    [
        {"generator": {f"out.{name}": t for name, t in STATE.items()}, "steps": 3},
        {"model": module(), "ema": module()},
        {'a "quoted" key': {"state_dict": {f"out.{name}": t for name, t in STATE.items()}}},
        [{f"out.{name}": t for name, t in STATE.items()}],
    ],
)
def test_what_is_wrapped(value: Any, tmp_path: Path) -> None:
    path = save(tmp_path / "wrapped.pth", value)
    result = run_code(path)
    assert [name.removeprefix("out.") for name in result] == ["weight", "bias"]
    assert all(isinstance(tensor, torch.Tensor) for tensor in result.values())


def test_a_compiled_module(tmp_path: Path) -> None:
    path = save(tmp_path / "compiled.pth", torch.compile(module()))
    assert list(run_code(path)) == ["weight", "bias"]
    (finding,) = [item for item in inspect(path).findings if item.cause == "wrapped"]
    assert finding.fix is not None
    assert finding.fix.code == (
        "model.load_state_dict(torch.load(path, weights_only=False)._orig_mod.state_dict())"
    )


def test_names_under_a_prefix(tmp_path: Path) -> None:
    names = {f"{part}.{name}": t for part in ("generator", "critic") for name, t in STATE.items()}
    path = save(tmp_path / "gan.ckpt", {"state_dict": names})
    assert list(run_code(path, "state_dict.generator")) == ["weight", "bias"]


def test_no_line_where_none_is_known(tmp_path: Path) -> None:
    assert open_checkpoint(save(tmp_path / "plain.pth", STATE)).loading_code is None


def test_a_save_that_failed_is_called_unfinished(tmp_path: Path) -> None:
    from auscult.errors import CheckpointError

    path = tmp_path / "failed.pth"
    parametrised = torch.nn.utils.parametrizations.weight_norm(module())
    with pytest.raises(RuntimeError, match="parametri"):
        torch.save(parametrised, path)
    with pytest.raises(CheckpointError, match="unfinished file"):
        open_checkpoint(path)
