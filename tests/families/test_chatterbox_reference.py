"""Our S3Gen and HiFT at full size against chatterbox-tts 0.1.7, from the same random weights, stage by stage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

from auscult.families.chatterbox_s3gen import torch as s3gen  # noqa: E402
from auscult.families.chatterbox_s3gen.config import Config, Speaker, Tokenizer  # noqa: E402
from auscult.families.chatterbox_s3gen.features import flow_mel, speaker_features, tokenizer_mel  # noqa: E402
from auscult.families.chatterbox_s3gen.mlx.flow import Flow as FlowMlx  # noqa: E402
from auscult.families.chatterbox_s3gen.mlx.tokenizer import SpeechTokenizer as TokenizerMlx  # noqa: E402
from auscult.families.chatterbox_s3gen.mlx.xvector import SpeakerEncoder as SpeakerMlx  # noqa: E402
from auscult.families.hift import mlx as hift_mlx  # noqa: E402
from auscult.families.hift.config import Config as HiftConfig  # noqa: E402
from tests.families.chatterbox import randomise, reference, relative  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CLOSE = 1e-4
PROMPT, TOKENS = 12, 10
FRAMES = 2 * (PROMPT + TOKENS)
STEPS = 10


@pytest.fixture(scope="module")
def model() -> Any:
    """The reference with random weights: a pitch near 120 Hz, so that its source is voiced."""
    module = randomise(reference("models.s3gen.s3gen").S3Token2Wav(), gain=0.7)
    with torch.no_grad():
        module.mel2wav.f0_predictor.classifier.weight.mul_(60)
        module.mel2wav.f0_predictor.classifier.bias.fill_(120)
    return module


@pytest.fixture(scope="module")
def ours(model: Any) -> Any:
    """Our model with the reference's state, the fused form of its weight norm."""
    module = s3gen.build(Config()).eval()
    s3gen.load(module, model.state_dict())
    return module


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    draw = torch.Generator().manual_seed(4)
    return {
        "tokens": torch.randint(0, 6561, (1, TOKENS), generator=draw),
        "prompt": torch.randint(0, 6561, (1, PROMPT), generator=draw),
        "mel": torch.randn(1, 80, 2 * PROMPT, generator=draw) * 2 - 5,
        "xvector": torch.randn(1, 192, generator=draw),
        "noise": torch.randn(1, 80, FRAMES, generator=draw),
        "features": torch.randn(1, 250, 80, generator=draw),
    }


def speech(rate: int, seconds: float) -> Any:
    """A gliding buzz with pauses and some noise."""
    time = np.arange(int(rate * seconds)) / rate
    buzz = np.sign(np.sin(2 * np.pi * (110 * time + 5 * np.sin(4 * time)))) * (np.sin(5 * time) > 0)
    return (0.2 * buzz + np.random.default_rng(0).normal(0, 0.01, time.size)).astype(np.float32)


def weights(module: Any) -> list[tuple[str, Any]]:
    """A torch module's state for an MLX module of the same names."""
    moved = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
    return [
        (
            name,
            mx.array(
                value.numpy().transpose(moved[value.ndim]) if value.ndim in moved else value.numpy()
            ),
        )
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    ]


def in_mlx(value: Any) -> Any:
    array = value.numpy()
    return mx.array(array.transpose(0, 2, 1) if array.ndim == 3 else array)


def test_state_dicts_are_the_same(model: Any) -> None:
    theirs = {name: value.shape for name, value in model.state_dict().items()}
    assert theirs == {
        name: value.shape
        for name, value in s3gen.build(Config(), "weight-norm-new").state_dict().items()
    }


def test_features() -> None:
    high, low = speech(24_000, 2.013), speech(16_000, 2.013)
    mel = reference("models.s3gen.utils.mel").mel_spectrogram(torch.from_numpy(high))[0]
    assert relative(flow_mel(high), mel) <= CLOSE
    tokenizer = reference("models.s3tokenizer").S3Tokenizer()
    assert (
        relative(tokenizer_mel(low), tokenizer.log_mel_spectrogram(torch.from_numpy(low))) <= CLOSE
    )
    features, _, _ = reference("models.s3gen.xvector").extract_feature(torch.from_numpy(low)[None])
    assert relative(speaker_features(low), features[0]) <= CLOSE


def test_f0_source_and_waveform(model: Any, ours: Any) -> None:
    mel = torch.randn(1, 80, 20, generator=torch.Generator().manual_seed(1))
    theirs = model.mel2wav
    port = hift_mlx.build(HiftConfig())
    hift_mlx.load(port, {name: value.numpy() for name, value in theirs.state_dict().items()})
    with torch.inference_mode():
        torch.manual_seed(9)
        samples, source = theirs.inference(mel)
        torch.manual_seed(9)  # the same draws, in the reference's order
        phases = torch.distributions.Uniform(-math.pi, math.pi).sample((1, 9, 1))
        phases[:, 0] = 0
        noise = torch.randn(1, 9, 20 * 480)
        f0 = theirs.f0_predictor(mel)
        assert 50 < f0.min() < f0.max() < 400
        assert relative(ours.mel2wav.f0_predictor(mel), f0) <= CLOSE
        assert (
            relative(ours.mel2wav.source(f0, phases=phases[..., 0], noise=noise), source) <= CLOSE
        )
        assert relative(ours.mel2wav(mel, source=source)[:, 0], samples) <= CLOSE
    assert relative(port.f0_predictor(in_mlx(mel)), f0) <= CLOSE
    found = port.source(
        mx.array(f0.numpy()), phases=mx.array(phases[..., 0].numpy()), noise=mx.array(noise.numpy())
    )
    assert relative(found[..., 0], source[:, 0]) <= CLOSE
    assert relative(port(in_mlx(mel), source=in_mlx(source))[..., 0], samples) <= CLOSE


def test_encoder_estimator_and_solver(
    model: Any, ours: Any, drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, mine, port = model.flow, ours.flow, FlowMlx(Config().flow)
    port.load_weights(weights(mine), strict=True)
    every = torch.cat((drawn["prompt"], drawn["tokens"]), dim=1)
    x, time = torch.cat((drawn["noise"], drawn["noise"] * 0.5)), torch.tensor([0.3, 0.3])
    row, ones = torch.randn(2, 80), torch.ones(2, 1, FRAMES)
    with torch.inference_mode():
        encoded, _ = theirs.encoder(theirs.input_embedding(every), torch.tensor([PROMPT + TOKENS]))
        mu = theirs.encoder_proj(encoded).transpose(1, 2)
        assert relative(mine.mu(every), mu) <= CLOSE
        assert (
            relative(np.asarray(port.mu(mx.array(every.numpy()))).transpose(0, 2, 1), mu) <= CLOSE
        )
        velocity = theirs.decoder.estimator(x, ones, x, time, row, x)
        assert relative(mine.decoder.estimator(x, x, row, x, time), velocity) <= CLOSE
        found = port.decoder.estimator(*map(in_mlx, (x, x, row, x, time)))
        assert relative(np.asarray(found).transpose(0, 2, 1), velocity) <= CLOSE
        monkeypatch.setattr(torch, "randn_like", lambda _: drawn["noise"].clone())
        lengths = torch.tensor([TOKENS]), torch.tensor([PROMPT])
        given = (
            drawn["tokens"],
            lengths[0],
            drawn["prompt"],
            lengths[1],
            drawn["mel"].transpose(1, 2),
            None,
            drawn["xvector"],
        )
        mel, _ = theirs.inference(*given, finalize=True, n_timesteps=STEPS)
        arguments = tuple(drawn[name] for name in ("tokens", "prompt", "mel", "xvector"))
        assert relative(mine(*arguments, noise=drawn["noise"]), mel) <= CLOSE
        found = port(*map(in_mlx, arguments), noise=in_mlx(drawn["noise"]))
        assert relative(np.asarray(found).transpose(0, 2, 1), mel) <= CLOSE
        with pytest.raises(
            RuntimeError, match="size"
        ):  # chatterbox-tts 0.1.7 cannot leave the lookahead out; ours can
            theirs.inference(*given, finalize=False, n_timesteps=1)
        assert mine(*arguments, final=False, steps=1).shape[2] == 2 * (TOKENS - 3)


def test_xvector(model: Any, ours: Any, drawn: dict[str, Any]) -> None:
    port = SpeakerMlx(Speaker())
    port.load_weights(weights(ours.speaker_encoder), strict=True)
    port.eval()
    with torch.inference_mode():
        expected = model.speaker_encoder(drawn["features"])
        assert relative(ours.speaker_encoder(drawn["features"]), expected) <= CLOSE
    assert relative(port(mx.array(drawn["features"].numpy())), expected) <= CLOSE


def test_speech_tokens(model: Any, ours: Any) -> None:
    samples = speech(16_000, 2.0)
    mel = torch.from_numpy(tokenizer_mel(samples))[None]
    port = TokenizerMlx(Tokenizer())
    names = {"quantizer._codebook.": "quantizer.codebook.", "_mel_filters": "mel_filters"}
    state = weights(ours.tokenizer)
    for old, new in names.items():
        state = [(name.replace(old, new), value) for name, value in state]
    port.load_weights(state, strict=True)
    with torch.inference_mode():
        hidden, _ = model.tokenizer.encoder(mel, torch.tensor([mel.shape[2]]))
        assert relative(ours.tokenizer.encoder(mel), hidden) <= CLOSE
        tokens, lengths = model.tokenizer(torch.from_numpy(samples)[None])
        assert torch.equal(ours.tokenizer(mel), tokens)
    assert int(lengths) == tokens.shape[1] == 50
    assert len(set(tokens[0].tolist())) > 20
    assert np.array_equal(np.asarray(port(in_mlx(mel))), tokens.numpy())


def test_the_whole_way_from_recording_and_tokens(
    model: Any, ours: Any, drawn: dict[str, Any]
) -> None:
    high, low = speech(24_000, 1.0), speech(16_000, 1.0)
    voice = ours.voice(high, low)
    count = voice.tokens.shape[1]
    noise = torch.randn(1, 80, 2 * (count + TOKENS))
    source = torch.randn(1, 1, 960 * TOKENS) * 0.1
    with torch.inference_mode():
        tokens, _ = model.tokenizer(torch.from_numpy(low)[None])
        assert torch.equal(voice.tokens, tokens[:, :count])
        assert (
            relative(voice.xvector, model.speaker_encoder.inference(torch.from_numpy(low)[None]))
            <= CLOSE
        )
        mel = ours.flow(
            drawn["tokens"], voice.tokens, voice.mel, voice.xvector, noise=noise, steps=2
        )
        samples = model.mel2wav.decode(mel, source)
        samples[:, : len(model.trim_fade)] *= model.trim_fade
        assert (
            relative(ours(drawn["tokens"], voice, noise=noise, source=source, steps=2), samples)
            <= CLOSE
        )
