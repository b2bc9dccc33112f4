"""S3Gen at tiny size: torch against MLX stage by stage, and what its parts must do whatever their weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

from mlx.utils import tree_flatten  # noqa: E402

from auscult import families  # noqa: E402
from auscult.errors import CheckpointError, UsageError  # noqa: E402
from auscult.families.chatterbox_s3gen import mlx as s3gen_mlx  # noqa: E402
from auscult.families.chatterbox_s3gen import signature  # noqa: E402
from auscult.families.chatterbox_s3gen import torch as s3gen  # noqa: E402
from auscult.families.chatterbox_s3gen.config import Config, Flow, tiny  # noqa: E402
from auscult.families.chatterbox_s3gen.mlx.flow import Flow as FlowMlx  # noqa: E402
from auscult.families.chatterbox_s3gen.naming import released, to_mlx  # noqa: E402
from auscult.families.chatterbox_s3gen.positions import relative_positions, times  # noqa: E402
from auscult.families.chatterbox_s3gen.torch.encoder import shift  # noqa: E402
from auscult.families.chatterbox_s3gen.torch.flow import Flow as FlowTorch  # noqa: E402
from auscult.families.chatterbox_s3gen.voice import Voice, fade, paired  # noqa: E402
from tests.families import published  # noqa: E402
from tests.families.chatterbox import randomise, relative  # noqa: E402

CLOSE = 1e-4
BATCH, TOKENS, PROMPT = 2, 9, 4
FRAMES = 2 * (PROMPT + TOKENS)


def ours(x: Any) -> Any:
    """A tensor in MLX's order of axes: channels last."""
    array = x.numpy()
    return mx.array(array.transpose(0, 2, 1) if array.ndim == 3 else array)


def arrays(module: Any) -> dict[str, Any]:
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def model() -> Any:
    return randomise(s3gen.build(tiny(), "weight-norm-new"), gain=0.8)


@pytest.fixture(scope="module")
def port(model: Any) -> Any:
    module = s3gen_mlx.build(tiny())
    s3gen_mlx.load(module, arrays(model))
    return module


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    config, draw = tiny(), torch.Generator().manual_seed(2)
    assert config.speaker is not None
    return {
        "tokens": torch.randint(0, config.flow.tokens, (BATCH, TOKENS), generator=draw),
        "prompt": torch.randint(0, config.flow.tokens, (1, PROMPT), generator=draw),
        "mel": torch.randn(1, config.flow.mel_bins, 2 * PROMPT, generator=draw),
        "xvector": torch.randn(1, config.speaker.embedding, generator=draw),
        "noise": torch.randn(BATCH, config.flow.mel_bins, FRAMES, generator=draw),
        "x": torch.randn(BATCH, config.flow.mel_bins, FRAMES, generator=draw),
        "row": torch.randn(BATCH, config.flow.mel_bins, generator=draw),
        "features": torch.randn(BATCH, 230, config.speaker.mel_bins, generator=draw),
        "heard": torch.randn(BATCH, 16, 41, generator=draw),
    }


def test_the_modules_have_the_signatures_names_and_shapes(model: Any) -> None:
    plain = s3gen.build(tiny()).state_dict()
    assert {name: tuple(value.shape) for name, value in plain.items()} == {
        **signature.expected(tiny()),
        "tokenizer._mel_filters": (16, 201),  # the release has 128 bands
    }
    detection = families.detect_families(
        {name: tuple(value.shape) for name, value in model.state_dict().items()}
    )[0]
    assert (detection.family, detection.score) == ("chatterbox-s3gen", 1.0)
    assert detection.config == tiny()


def test_the_full_size_model_is_the_released_one() -> None:
    with torch.device("meta"):
        module = s3gen.build(Config(), "weight-norm-new")
    state = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    assert state == published.shapes("chatterbox_s3gen")
    assert (len(state), sum(value.numel() for value in module.state_dict().values())) == (
        2490,
        264_042_193,
    )


def test_turbo_has_one_tensor_more() -> None:
    turbo = replace(tiny(), flow=replace(tiny().flow, meanflow=True))
    assert set(s3gen.build(turbo).state_dict()) - set(s3gen.build(tiny()).state_dict()) == {
        "flow.decoder.estimator.time_embed_mixer.weight"
    }


STAGES = (
    "mu",
    "speaker",
    "estimator",
    "estimator masked",
    "flow",
    "flow padded",
    "flow not final",
    "xvector",
    "tokens",
)


@pytest.mark.parametrize("stage", STAGES)
def test_mlx_agrees_with_torch(stage: str, model: Any, port: Any, drawn: dict[str, Any]) -> None:
    d, m = drawn, {name: ours(value) for name, value in drawn.items()}
    lengths, time = torch.tensor([TOKENS, TOKENS - 3]), torch.tensor([0.3, 0.7])
    mask = (torch.arange(FRAMES) < torch.tensor([FRAMES, FRAMES - 6])[:, None]).float()[:, None]
    reference, candidate = (
        (d["tokens"], d["prompt"], d["mel"], d["xvector"]),
        (m["tokens"], m["prompt"], m["mel"], m["xvector"]),
    )
    velocity, ours_velocity = model.flow.decoder.estimator, port.flow.decoder.estimator
    given, ours_given = ((s["x"], s["noise"], s["row"], s["x"]) for s in (d, m))
    cut = d["noise"][..., :-6]
    calls = {
        "mu": (lambda: model.flow.mu(d["tokens"]), lambda: port.flow.mu(m["tokens"])),
        "speaker": (
            lambda: model.flow.speaker(d["xvector"]),
            lambda: port.flow.speaker(m["xvector"]),
        ),
        "estimator": (
            lambda: velocity(*given, time),
            lambda: ours_velocity(*ours_given, ours(time)),
        ),
        "estimator masked": (
            lambda: velocity(*given, time, mask=mask),
            lambda: ours_velocity(*ours_given, ours(time), mask=ours(mask)),
        ),
        "flow": (
            lambda: model.flow(*reference, noise=d["noise"], steps=2),
            lambda: port.flow(*candidate, noise=m["noise"], steps=2),
        ),
        "flow padded": (
            lambda: model.flow(*reference, noise=d["noise"], steps=2, lengths=lengths),
            lambda: port.flow(*candidate, noise=m["noise"], steps=2, lengths=ours(lengths)),
        ),
        "flow not final": (
            lambda: model.flow(*reference, noise=cut, steps=2, final=False),
            lambda: port.flow(*candidate, noise=ours(cut), steps=2, final=False),
        ),
        "xvector": (
            lambda: model.speaker_encoder(d["features"]),
            lambda: port.speaker_encoder(mx.array(d["features"].numpy())),
        ),
        "tokens": (lambda: model.tokenizer(d["heard"]), lambda: port.tokenizer(m["heard"])),
    }[stage]
    with torch.no_grad():
        expected = calls[0]()
    found = np.asarray(calls[1]())
    found = found.transpose(0, 2, 1) if found.ndim == 3 else found
    if stage == "tokens":
        assert np.array_equal(found, expected.numpy())
        assert len(set(found.flatten().tolist())) > 5
        assert 0 <= found.min() <= found.max() < tiny().flow.tokens
    else:
        assert relative(found, expected) <= CLOSE
        assert expected.std() > 0.01


def test_meanflow_agrees_too(drawn: dict[str, Any]) -> None:
    config = replace(tiny().flow, meanflow=True)
    reference, candidate = randomise(FlowTorch(config, 10), gain=0.8), FlowMlx(config, 10)
    weights = [(name, ours(value)) for name, value in reference.state_dict().items()]
    candidate.load_weights(weights, strict=True)
    arguments = [drawn[name] for name in ("tokens", "prompt", "mel", "xvector")]
    with torch.no_grad():
        expected = reference(*arguments, noise=drawn["noise"], steps=2)
    found = candidate(*map(ours, arguments), noise=ours(drawn["noise"]), steps=2)
    assert relative(np.asarray(found).transpose(0, 2, 1), expected) <= CLOSE


def test_what_is_masked_does_not_matter_to_the_estimator(model: Any, drawn: dict[str, Any]) -> None:
    """(It does to the encoder, whose first convolution sees three tokens ahead, in the reference as here.)"""
    kept = FRAMES - 6
    given = (drawn["x"][1:], drawn["noise"][1:], drawn["row"][1:], drawn["x"][1:])
    mask = (torch.arange(FRAMES) < kept).float()[None, None]
    time = torch.tensor([0.4])
    with torch.no_grad():
        masked = model.flow.decoder.estimator(*given, time, mask=mask)
        cut = [value if value.ndim == 2 else value[..., :kept] for value in given]
        alone = model.flow.decoder.estimator(*cut, time)
    assert relative(masked[..., :kept], alone) <= CLOSE
    assert not masked[..., kept:].any()


def test_guidance_is_one_plus_rate_times_conditional_less_rate_times_unconditional(
    model: Any, drawn: dict[str, Any]
) -> None:
    """One step from t = 0 to 1 by hand."""
    decoder = model.flow.decoder
    x, mu, speaker, condition = drawn["noise"], drawn["x"], drawn["row"], drawn["x"] * 0.5
    with torch.no_grad():
        found = decoder(x, mu, speaker, condition, steps=1)
        zero = torch.zeros(1)
        conditional = decoder.estimator(x, mu, speaker, condition, zero)
        unconditional = decoder.estimator(x, 0 * mu, 0 * speaker, 0 * condition, zero)
    torch.testing.assert_close(
        found, x + 1.7 * conditional - 0.7 * unconditional, rtol=1e-4, atol=1e-5
    )


def test_the_estimator_attends_to_all_frames_and_convolves_the_past(
    model: Any, drawn: dict[str, Any]
) -> None:
    estimator = model.flow.decoder.estimator
    with torch.no_grad():
        changed = drawn["x"].clone()
        changed[..., -1] += 1.0
        before, after = (
            estimator(x, drawn["noise"], drawn["row"], drawn["noise"], torch.tensor([0.5]))
            for x in (drawn["x"], changed)
        )
        block = estimator.mid_blocks[0][0]
        h = torch.randn(1, FRAMES, tiny().flow.channels)
        late = h.clone()
        late[:, -1] += 1.0
        embedded = torch.randn(1, 1, tiny().flow.time)
        convolved = [block(value, embedded, None) for value in (h, late)]
    assert (after - before)[..., 0].abs().max() > 1e-7
    assert torch.equal(convolved[0][:, :-1], convolved[1][:, :-1])


def test_times_are_the_published_ones() -> None:
    published_times = (
        0,
        0.012312,
        0.048943,
        0.108993,
        0.190983,
        0.292893,
        0.412215,
        0.546010,
        0.690983,
        0.843566,
        1,
    )
    assert np.abs(times(10) - np.array(published_times)).max() < 1e-6
    assert np.array_equal(times(2, meanflow=True), np.array([0, 0.5, 1], np.float32))
    assert all(
        abs(value - (1 - math.cos(math.pi / 2 * k / 10))) < 1e-6
        for k, value in enumerate(times(10))
    )


def test_scores_by_distance_are_brought_to_their_keys() -> None:
    """The oracle: row i's key j is i - j behind, and column time - 1 - (i - j) of the scores."""
    time = 5
    scores = torch.randn(2, 3, time, 2 * time - 1)
    shifted = shift(scores)
    table = relative_positions(time, 4)
    for i in range(time):
        for j in range(time):
            column = time - 1 - (i - j)
            assert torch.equal(shifted[..., i, j], scores[..., i, column])
            assert abs(table[column, 0] - math.sin(i - j)) < 1e-6


def test_the_length_of_an_xvector_does_not_matter_and_its_size_does(
    model: Any, drawn: dict[str, Any]
) -> None:
    with torch.no_grad():
        torch.testing.assert_close(
            model.flow.speaker(drawn["xvector"]), model.flow.speaker(7 * drawn["xvector"])
        )
        with pytest.raises(RuntimeError):
            model.flow.speaker(torch.randn(1, 256))  # T3's


def test_voice_and_speech_agree_end_to_end(model: Any, port: Any, drawn: dict[str, Any]) -> None:
    draw = np.random.default_rng(0)
    samples, samples_16k = (
        draw.normal(0, 0.1, rate).astype(np.float32) for rate in (24_100, 16_000)
    )
    voice, heard = model.voice(samples, samples_16k), port.voice(samples, samples_16k)
    assert (voice.tokens.shape, voice.mel.shape) == ((1, 25), (1, 8, 50))
    assert np.array_equal(np.asarray(heard.tokens), voice.tokens.numpy())
    assert relative(heard.xvector, voice.xvector) <= CLOSE
    source = (
        torch.randn(BATCH, 1, 2 * TOKENS * 480, generator=torch.Generator().manual_seed(0)) * 0.1
    )
    noise = torch.randn(BATCH, 8, 2 * (25 + TOKENS))
    with torch.no_grad():
        expected = model(drawn["tokens"], voice, noise=noise, source=source, steps=2)
    found = port(ours(drawn["tokens"]), heard, noise=ours(noise), source=ours(source), steps=2)
    assert relative(found, expected) <= CLOSE
    assert expected.shape == (BATCH, 2 * TOKENS * 480)
    assert not expected[:, :480].any()
    assert expected.std() > 1e-3


def test_seeds_repeat(model: Any, port: Any, drawn: dict[str, Any]) -> None:
    voice = Voice(drawn["prompt"], drawn["mel"], drawn["xvector"])
    with torch.no_grad():
        first, second, other = (
            model(drawn["tokens"], voice, generator=torch.Generator().manual_seed(seed), steps=1)
            for seed in (1, 1, 2)
        )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    keyed = [
        np.asarray(
            port(
                ours(drawn["tokens"]),
                Voice(*map(ours, vars(voice).values())),
                key=mx.random.key(seed),
                steps=1,
            )
        )
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(keyed[0], keyed[1])
    assert not np.array_equal(keyed[0], keyed[2])


@pytest.mark.parametrize(
    ("tokens", "frames", "kept"), [(25, 50, (25, 50)), (25, 49, (24, 48)), (24, 51, (24, 48))]
)
def test_a_references_tokens_and_frames_are_cut_to_each_other(
    tokens: int, frames: int, kept: tuple[int, int]
) -> None:
    assert paired(tokens, frames, 2) == kept


def test_the_fade_is_silence_then_half_a_cosine() -> None:
    factors = fade(24_000)
    assert len(factors) == 960
    assert not factors[:480].any()
    assert factors[480] == 0
    assert factors[-1] == 1
    assert (np.diff(factors[480:]) > 0).all()


def test_a_part_that_is_not_there_is_said(drawn: dict[str, Any]) -> None:
    flow = s3gen.build(replace(tiny(), tokenizer=None, mel2wav=None))
    assert not any(name.startswith(("tokenizer.", "mel2wav.")) for name in flow.state_dict())
    with pytest.raises(UsageError, match="tokenizer"):
        flow.voice(np.zeros(24_000, np.float32), np.zeros(16_000, np.float32))
    with pytest.raises(UsageError, match="vocoder"):
        flow(drawn["tokens"], Voice(drawn["prompt"], drawn["mel"], drawn["xvector"]))


@pytest.mark.parametrize(
    "name",
    ["flow.encoder_proj.bias", "speaker_encoder.head.bn1.running_mean", "mel2wav.conv_pre.bias"],
)
def test_nothing_stays_random_in_silence(name: str, model: Any) -> None:
    state = dict(model.state_dict())
    del state[name]
    with pytest.raises(CheckpointError, match=name):
        s3gen.load(s3gen.build(tiny()), state)
    with pytest.raises(CheckpointError, match=name):
        s3gen_mlx.load(
            s3gen_mlx.build(tiny()), {key: value.numpy() for key, value in state.items()}
        )
    with pytest.raises(CheckpointError, match="surplus"):
        s3gen.load(s3gen.build(tiny()), {**model.state_dict(), "surplus": torch.zeros(1)})


def test_only_the_tokenizers_mel_may_be_absent(model: Any) -> None:
    state = {name: value for name, value in model.state_dict().items() if name not in s3gen.BUFFERS}
    module = s3gen.build(tiny())
    s3gen.load(module, state)
    built = s3gen.build(tiny()).tokenizer
    assert module.tokenizer is not None
    assert built is not None
    torch.testing.assert_close(module.tokenizer._mel_filters, built._mel_filters)
    s3gen_mlx.load(s3gen_mlx.build(tiny()), {name: value.numpy() for name, value in state.items()})


def test_mlx_audios_names_and_layout_load(model: Any, port: Any, drawn: dict[str, Any]) -> None:
    """What mlx-audio's conversion writes: its names, MLX's layout, weight norm fused, no counters, a table of noise."""
    fused = s3gen.build(tiny())
    s3gen.load(fused, model.state_dict())
    saved = {
        name: value
        for name, value in tree_flatten(port.parameters())
        if not name.startswith("tokenizer.")
    }
    state = {to_mlx(name): np.asarray(value) for name, value in saved.items()}
    assert any(".mid_blocks_0.transformer_1.attn.query_proj." in name for name in state)
    state["flow.decoder.rand_noise"] = np.zeros((1, 8, 100), np.float32)
    detection = families.detect_families({name: value.shape for name, value in state.items()})[0]
    assert (detection.family, detection.layout, detection.config.naming) == (
        "chatterbox-s3gen",
        "mlx",
        "mlx-audio",
    )
    again = s3gen_mlx.build(detection.config)
    s3gen_mlx.load(again, state)
    loaded = dict(tree_flatten(again.parameters()))
    assert set(loaded) == set(saved)
    assert all(
        np.array_equal(np.asarray(loaded[name]), np.asarray(value)) for name, value in saved.items()
    )


def test_names_are_translated_from_the_ports_and_left_alone_otherwise() -> None:
    names = signature.plan(Config())
    port = {to_mlx(name): name for name in names}
    assert len(port) == len(names)
    assert released(port, names) == {name: name for name in names}
    assert released({name: name for name in names}, names) == {name: name for name in names}
    assert released({f"model.{name}": name for name in port}, names, "model.") == dict(
        zip((port[name] for name in port), port, strict=True)
    )


def test_defaults_are_the_released_constants() -> None:
    config = Flow()
    assert (config.guidance, config.steps, config.time_scale, config.layer_eps) == (
        0.7,
        10,
        1000.0,
        1e-12,
    )
    assert config.lookahead == 3
    assert config.frames_per_token == 2
    norms = {
        name: module.eps
        for name, module in s3gen.build(tiny()).named_modules()
        if isinstance(module, torch.nn.LayerNorm)
    }
    tight = {name for name, eps in norms.items() if eps == 1e-12}
    assert tight
    assert all(".norm_ff" in name or ".norm_mha" in name for name in tight)
    assert {eps for name, eps in norms.items() if name not in tight} == {1e-5}
