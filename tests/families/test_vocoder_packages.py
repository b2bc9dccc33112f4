"""BigVGAN and Vocos against their own packages, at random weights, in PyTorch and in MLX.

The packages come from PyPI without what they need for training:
`pip install --no-deps --target DIR bigvgan==2.4.1 vocos==0.1.0 encodec==0.1.1`, then PYTHONPATH=DIR.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

import numpy as np
import pytest

from auscult.families.bigvgan.config import Config as BigvganConfig
from auscult.families.vocos.config import Config as VocosConfig

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
mlx = pytest.importorskip("mlx.core")

MAX_TORCH_ERROR = 1e-5
MAX_MLX_ERROR = 1e-4
"""Largest difference, relative to the largest sample. Chosen: a hundredth and a tenth of 16-bit rounding."""
FRAMES = 24


class Stub(types.ModuleType):
    """A module that has every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub(name)


def import_reference(name: str, *stubs: str) -> Any:
    """A module of a reference package; what it imports for training alone is a stub."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"needs {name.partition('.')[0]}")
    for stub in stubs:
        try:
            importlib.import_module(stub)
        except ImportError:
            sys.modules[stub] = Stub(stub)
    return importlib.import_module(name)


def randomise(module: Any, scale: float) -> Any:
    """Weights at which every layer matters."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            values = torch.randn(parameter.shape, generator=draw)
            if name.endswith("weight_g"):
                parameter.mul_(1.0 + 0.2 * values)
            elif parameter.ndim > 1:
                parameter.copy_(values * scale / parameter[0].numel() ** 0.5)
            elif not name.endswith(("norm.weight", "gamma")):
                parameter.copy_(0.3 * values)
    return module.eval()


def run_both(family: str, config: Any, state: dict[str, Any], x: Any) -> list[Any]:
    """The same weights and input in our two runtimes: samples [time] each."""
    ours = importlib.import_module(f"auscult.families.{family}.torch")
    module = ours.build(config).eval()
    ours.load(module, state)
    with torch.no_grad():
        outputs = [module(x).numpy().reshape(-1)]
    in_mlx = importlib.import_module(f"auscult.families.{family}.mlx")
    port = in_mlx.build(config)
    in_mlx.load(port, {name: tensor.numpy() for name, tensor in state.items()})
    array = x.transpose(1, 2) if x.is_floating_point() else x
    return [*outputs, np.array(port(mlx.array(array.numpy()))).reshape(-1)]


def check(reference: Any, outputs: list[Any]) -> None:
    expected = reference.detach().numpy().reshape(-1)
    assert np.abs(expected).max() > 1e-2
    for output, limit in zip(outputs, (MAX_TORCH_ERROR, MAX_MLX_ERROR), strict=True):
        assert output.shape == expected.shape
        assert np.abs(output - expected).max() <= limit * np.abs(expected).max()


@pytest.mark.parametrize("resblock", ["1", "2"])
@pytest.mark.parametrize(
    ("activation", "is_logscale", "is_version_1"),
    [("snakebeta", True, False), ("snakebeta", True, True), ("snake", False, True)],
)
def test_bigvgan(activation: Any, resblock: Any, *, is_logscale: bool, is_version_1: bool) -> None:
    package = import_reference("bigvgan.bigvgan", "librosa", "librosa.util", "librosa.filters")
    config = BigvganConfig(
        mel_bins=20,
        channels=(32, 16, 8),
        upsample_kernel_sizes=(8, 4),
        upsample_rates=(4, 2),
        resblock=resblock,
        resblock_kernel_sizes=(3, 7),
        activation=activation,
        snake_logscale=is_logscale,
        post_bias=is_version_1,
        final_tanh=is_version_1,
    )
    sizes = package.AttrDict(
        num_mels=20,
        upsample_initial_channel=32,
        upsample_kernel_sizes=[8, 4],
        upsample_rates=[4, 2],
        resblock=resblock,
        resblock_kernel_sizes=[3, 7],
        resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
        activation=activation,
        snake_logscale=is_logscale,
        use_bias_at_final=is_version_1,
        use_tanh_at_final=is_version_1,
    )
    reference = randomise(package.BigVGAN(sizes), 1.0)
    with torch.no_grad():
        if not is_logscale:  # a divisor that goes through zero is no model
            for name, parameter in reference.named_parameters():
                if name.endswith(".alpha"):
                    parameter.abs_().add_(0.5)
        mel = torch.randn(2, 20, FRAMES, generator=torch.Generator().manual_seed(1))
        expected = reference(mel)
    check(expected, run_both("bigvgan", config, reference.state_dict(), mel))


@pytest.mark.parametrize("bandwidths", [0, 4])
@pytest.mark.parametrize("padding", ["center", "same"])
def test_vocos(padding: Any, bandwidths: int) -> None:
    stubs = ("torchaudio", "torchaudio.functional", "torchaudio.functional.functional", "einops")
    models = import_reference("vocos.models", *stubs)
    heads = import_reference("vocos.heads")
    config = VocosConfig(
        inputs=20,
        width=24,
        hidden=48,
        layers=2,
        n_fft=64,
        hop_length=16,
        bandwidths=bandwidths,
        padding=padding,
    )
    reference = torch.nn.Module()
    reference.backbone = models.VocosBackbone(
        20, 24, 48, 2, adanorm_num_embeddings=bandwidths or None
    )
    reference.head = heads.ISTFTHead(24, 64, 16, padding)
    randomise(reference, 1.0)
    mel = torch.randn(2, 20, FRAMES, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        row = {"bandwidth_id": torch.tensor([bandwidths - 1])} if bandwidths else {}
        features = reference.backbone(mel, **row)
        expected = reference.head(features)
    check(expected, run_both("vocos", config, reference.state_dict(), mel))
