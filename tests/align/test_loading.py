"""`simulate_load` against PyTorch's own load_state_dict, and on the 94-tensor checkpoint of the first story."""

from __future__ import annotations

from typing import Any

import pytest

from auscult.align.loading import simulate_load
from auscult.weights import Checkpoint
from tests.rules.models import empty, streamspeech94_shapes, streamspeech394_shapes


def test_the_story_of_the_94_tensors() -> None:
    outcome = simulate_load(empty(streamspeech94_shapes()), empty(streamspeech394_shapes()))
    assert (
        len(outcome.copied),
        len(outcome.mismatched),
        len(outcome.missing),
        outcome.unexpected,
    ) == (64, 30, 300, ())
    assert (outcome.values_copied, outcome.values_total) == (3_181_441, 13_656_961)
    assert round(100 * outcome.share) == 23
    assert outcome.partial


def test_a_prefix_loads_nothing() -> None:
    shapes = streamspeech94_shapes()
    outcome = simulate_load(
        empty({f"generator.{name}": shape for name, shape in shapes.items()}), empty(shapes)
    )
    assert outcome.copied == ()
    assert len(outcome.missing) == len(outcome.unexpected) == 94


def test_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")

    def net(kernel: int, norm: str) -> Any:
        layers = {
            "conv": torch.nn.Conv1d(2, 3, kernel),
            "head": torch.nn.Linear(3, 1),
            norm: torch.nn.LayerNorm(3),
        }
        return torch.nn.ModuleDict(layers)

    file, model = net(5, "norm"), net(3, "bn")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    outcome = simulate_load(_checkpoint(file.state_dict()), _checkpoint(before))
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(file.state_dict(), strict=False)
    changed = {
        name for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == set(outcome.copied) == {"conv.bias", "head.weight", "head.bias"}
    assert outcome.mismatched == ("conv.weight",)
    assert set(outcome.missing) == {"bn.weight", "bn.bias"}
    assert set(outcome.unexpected) == {"norm.weight", "norm.bias"}


def _checkpoint(state: dict[str, Any]) -> Checkpoint:
    return Checkpoint.of({name: value.numpy() for name, value in state.items()})
