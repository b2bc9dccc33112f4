"""The MLX modules compute what the PyTorch modules compute, from the same weights in any form and layout."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

from mlx.utils import tree_flatten  # noqa: E402

from auscult import families  # noqa: E402
from auscult.errors import CheckpointError  # noqa: E402
from tests.families.small import CONFIGS  # noqa: E402
from tests.families.test_torch import NORMED, SMALL, build, run  # noqa: E402

TOLERANCE = 1e-4  # of the output's largest value

every_family = pytest.mark.parametrize("family", CONFIGS)


def code_of(family: str) -> Any:
    """The family's MLX module file."""
    return importlib.import_module(f"{families.import_family(family).__name__}.mlx")


def arrays(module: Any) -> dict[str, Any]:
    """The state dict as numpy arrays."""
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def run_mlx(family: str, module: Any, frames: int = 6) -> Any:
    """The module's output on the input of `tests.families.test_torch.run`, as [1, channels, samples]."""
    config = module.config
    draw = torch.Generator().manual_seed(1)
    if family == "codehifigan":
        output = module(mx.arange(frames)[None] % config.units)[0]
    else:
        mel = mx.array(
            torch.randn(1, config.mel_bins, frames, generator=draw).numpy().transpose(0, 2, 1)
        )
        if family == "hifigan":
            output = module(mel)
        else:
            sizes = (config.speaker_dim, config.emotion_dim)
            output = module(
                mel, *(mx.array(torch.randn(1, size, generator=draw).numpy()) for size in sizes)
            )
    return np.asarray(output).transpose(0, 2, 1)


@every_family
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_mlx_agrees_with_torch(family: str, data: st.DataObject) -> None:
    config = data.draw(CONFIGS[family])
    form = (
        data.draw(st.sampled_from(("fused", "weight-norm-old", "weight-norm-new")))
        if family in NORMED
        else "fused"
    )
    original = build(family, config, form)
    module = code_of(family).build(config)
    code_of(family).load(
        module, {f"model.{name}": value for name, value in arrays(original).items()}, "model."
    )
    module.eval()
    expected, found = run(family, original).numpy(), run_mlx(family, module)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * max(np.abs(expected).max(), 1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"norm": "none", "second_activation": False, "slope": 0.0, "dilations": (1, 1, 1)},
        {"order": "conv-act-norm", "branches": "mean"},
        {"residual": False, "between": "leaky", "final_tanh": True},
    ],
)
def test_every_choice_of_the_modified_generator_agrees(changes: dict[str, Any]) -> None:
    config = type(SMALL)(**{**vars(SMALL), **changes})
    original = build("streamspeech-modified", config)
    module = code_of("streamspeech-modified").build(config)
    code_of("streamspeech-modified").load(module, arrays(original))
    expected, found = (
        run("streamspeech-modified", original, 20).numpy(),
        run_mlx("streamspeech-modified", module, 20),
    )
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


@every_family
@given(data=st.data())
@settings(max_examples=4, deadline=None)
def test_what_mlx_saves_is_detected_in_its_layout_and_loads_again(
    family: str, data: st.DataObject
) -> None:
    config = data.draw(CONFIGS[family])
    module = code_of(family).build(config)
    state = {name: np.asarray(value) for name, value in tree_flatten(module.parameters())}
    detection = families.detect_families({name: value.shape for name, value in state.items()})[0]
    assert detection.family == family
    assert detection.layout in ("mlx", "unknown")
    again = code_of(family).build(config)
    code_of(family).load(again, state, layout="mlx")
    loaded = dict(tree_flatten(again.parameters()))
    assert all(np.array_equal(np.asarray(loaded[name]), value) for name, value in state.items())


def test_batch_statistics_agree_in_training_mode() -> None:
    """The story's model never left training mode, so its batch norms use the batch."""
    config = _small_wrong()
    original = build("streamspeech-grc-lora", config).train()
    module = code_of("streamspeech-grc-lora").build(config)
    code_of("streamspeech-grc-lora").load(module, arrays(original))
    module.train()
    expected, found = (
        run("streamspeech-grc-lora", original, 12).numpy(),
        run_mlx("streamspeech-grc-lora", module, 12),
    )
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


def _small_wrong() -> Any:
    from auscult.families.streamspeech_grc_lora.config import Config

    return Config(
        mel_bins=8,
        channels=(16, 8, 8),
        upsample_kernel_sizes=(8, 4),
        upsample_rates=(4, 2),
        mrf_count=2,
    )


def test_a_state_that_does_not_fit_is_refused() -> None:
    module = code_of("streamspeech-modified").build(SMALL)
    state = arrays(build("streamspeech-modified", SMALL))
    del state["final_conv.bias"]
    with pytest.raises(CheckpointError, match=r"final_conv\.bias"):
        code_of("streamspeech-modified").load(module, state)
    state["final_conv.bias"] = np.zeros(1, np.float32)
    with pytest.raises(CheckpointError, match=r"ups\.0\.conv\.weight"):
        code_of("streamspeech-modified").load(
            module, state | {"ups.0.conv.weight": np.zeros((1, 2, 3), np.float32)}
        )
    with pytest.raises(CheckpointError, match="surplus"):
        code_of("streamspeech-modified").load(module, state | {"surplus": np.zeros(1, np.float32)})
