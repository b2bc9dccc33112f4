"""HiFi-GAN and CodeHiFiGAN against independent implementations, on the same random weights."""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.models.seamless_m4t.configuration_seamless_m4t import SeamlessM4TConfig  # noqa: E402
from transformers.models.seamless_m4t.modeling_seamless_m4t import SeamlessM4TCodeHifiGan  # noqa: E402
from transformers.models.speecht5.configuration_speecht5 import SpeechT5HifiGanConfig  # noqa: E402
from transformers.models.speecht5.modeling_speecht5 import SpeechT5HifiGan  # noqa: E402
from transformers.models.vits.configuration_vits import VitsConfig  # noqa: E402
from transformers.models.vits.modeling_vits import VitsHifiGan  # noqa: E402

from auscult.families.codehifigan import torch as codehifigan  # noqa: E402
from auscult.families.codehifigan.config import Config as CodeConfig  # noqa: E402
from auscult.families.hifigan import torch as hifigan  # noqa: E402
from auscult.families.hifigan.config import Config  # noqa: E402
from auscult.verbs.diagnose.family_build import build_family  # noqa: E402
from auscult.weights import Checkpoint  # noqa: E402

TOLERANCE = 1e-5
UPS: dict[str, Any] = {"upsample_rates": (8, 5, 2), "upsample_kernel_sizes": (16, 11, 4)}
BLOCKS: dict[str, Any] = {
    "resblock_kernel_sizes": (3, 7, 11),
    "dilations": ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
}
CHANNELS = (32, 16, 8, 4)


def randomise(module: Any) -> Any:
    """Weights large enough that every layer matters, small enough that tanh does not hide it."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 1
            parameter.copy_(
                torch.randn(parameter.shape, generator=draw)
                * (0.5 / fan**0.5 if parameter.ndim > 1 else 0.1)
            )
    return module.eval()


def renamed(module: Any, prefix: str = "") -> dict[str, Any]:
    """transformers' names in HiFi-GAN's: `upsampler` is `ups`."""
    state = module.state_dict()
    return {
        f"{prefix}{name.replace('upsampler.', 'ups.')}": value
        for name, value in state.items()
        if name not in ("mean", "scale")
    }


def sizes() -> dict[str, Any]:
    """The same sizes in transformers' words."""
    return {
        "upsample_rates": list(UPS["upsample_rates"]),
        "upsample_kernel_sizes": list(UPS["upsample_kernel_sizes"]),
        "upsample_initial_channel": CHANNELS[0],
        "resblock_kernel_sizes": list(BLOCKS["resblock_kernel_sizes"]),
        "resblock_dilation_sizes": [list(row) for row in BLOCKS["dilations"]],
        "leaky_relu_slope": 0.1,
    }


@pytest.mark.parametrize("form", ["fused", "weight-norm-old", "weight-norm-new"])
def test_hifigan_agrees_with_speecht5s(form: Any) -> None:
    reference = randomise(
        SpeechT5HifiGan(SpeechT5HifiGanConfig(model_in_dim=20, normalize_before=False, **sizes()))
    )
    ours = hifigan.build(Config(mel_bins=20, channels=CHANNELS, **UPS, **BLOCKS), form).eval()
    hifigan.load(ours, renamed(reference))
    mel = torch.randn(2, 30, 20)
    with torch.no_grad():
        expected, found = reference(mel), ours(mel.transpose(1, 2)).squeeze(1)
    assert expected.std() > 1e-3
    assert (expected - found).abs().max() <= TOLERANCE * expected.abs().max()


def test_hifigan_agrees_with_vits() -> None:
    """VITS has the same generator without a bias in the last convolution."""
    reference = randomise(
        VitsHifiGan(VitsConfig(flow_size=20, num_speakers=1, speaker_embedding_size=0, **sizes()))
    )
    ours = hifigan.build(
        Config(mel_bins=20, channels=CHANNELS, post_bias=False, **UPS, **BLOCKS)
    ).eval()
    hifigan.load(ours, renamed(reference))
    mel = torch.randn(2, 20, 30)
    with torch.no_grad():
        expected, found = reference(mel), ours(mel)
    assert expected.std() > 1e-3
    assert (expected - found).abs().max() <= TOLERANCE * expected.abs().max()


def test_codehifigan_agrees_with_seamless_m4ts() -> None:
    """SeamlessM4T's vocoder also appends a language and a speaker vector; with both zero their weights do not matter."""
    dim = 12
    config = SeamlessM4TConfig(
        unit_hifi_gan_vocab_size=40,
        unit_embed_dim=dim,
        lang_embed_dim=3,
        spkr_embed_dim=2,
        vocoder_num_langs=1,
        vocoder_num_spkrs=1,
        variance_predictor_kernel_size=3,
        t2u_pad_token_id=39,
        **sizes(),
    )
    reference = randomise(SeamlessM4TCodeHifiGan(config))
    with torch.no_grad():
        reference.speaker_embedding.weight.zero_()
        reference.language_embedding.weight.zero_()
        reference.dur_predictor.ln2.weight.fill_(1.0)
        reference.dur_predictor.proj.bias.fill_(1.2)  # durations of one to a few hops
    state = renamed(reference.hifi_gan)
    state["conv_pre.weight"] = state["conv_pre.weight"][:, 3 : 3 + dim]  # language, unit, speaker
    state["dict.weight"] = reference.unit_embedding.weight.detach()
    for name, value in reference.dur_predictor.state_dict().items():
        state[
            f"dur_predictor.{name.replace('conv1.', 'conv1.0.').replace('conv2.', 'conv2.0.')}"
        ] = value
    ours = codehifigan.build(
        CodeConfig(
            mel_bins=dim,
            channels=CHANNELS,
            units=40,
            unit_dim=dim,
            duration_hidden=dim,
            **UPS,
            **BLOCKS,
        )
    ).eval()
    codehifigan.load(ours, state)
    codes = torch.randint(0, 39, (1, 25), generator=torch.Generator().manual_seed(5))
    zero = torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        expected, _ = reference(codes, zero, zero)
        found, durations = ours(codes)
        log_durations = reference.dur_predictor(reference.unit_embedding(codes))
    assert len(set(durations.flatten().tolist())) > 1
    torch.testing.assert_close(durations, torch.expm1(log_durations).round().long().clamp(min=1))
    assert expected.shape == found.squeeze(1).shape
    assert (expected - found.squeeze(1)).abs().max() <= TOLERANCE * expected.abs().max()


def test_transformers_names_and_statistics_give_transformers_sound() -> None:
    reference = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=10,
            upsample_initial_channel=8,
            upsample_rates=[4, 2],
            upsample_kernel_sizes=[8, 4],
            resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1, 3, 5]],
            normalize_before=True,
        )
    )
    randomise(reference)
    with torch.no_grad():
        reference.mean.copy_(torch.linspace(-4, -2, 10))
        reference.scale.copy_(torch.linspace(0.5, 2, 10))
        mel = torch.randn(12, 10)
        expected = reference(mel).numpy()
    state = {name: tensor.detach().numpy() for name, tensor in reference.state_dict().items()}
    family_build = build_family(Checkpoint.of(state), among=("hifigan",))
    assert family_build.fork is not None
    assert family_build.fork.name == "transformers"
    found = family_build.render(family_build.detection.config, mel.numpy().T)
    assert abs(found - expected).max() < TOLERANCE
