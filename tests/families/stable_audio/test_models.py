"""The model in PyTorch and MLX: names, forms, frameworks against each other, and parts that must not change the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from auscult import families  # noqa: E402
from auscult.families.stable_audio import torch as ours  # noqa: E402
from auscult.families.stable_audio.config import OPEN_1_0, OPEN_SMALL, TINY, Config  # noqa: E402
from auscult.families.stable_audio.spans import decoder_margin, encoder_margin, spans  # noqa: E402

OLDER = replace(
    TINY,
    width=128,
    head_dim=64,
    qk_norm=False,
    cond_width=64,
    cond_dim=64,
    number_dim=64,
    global_dim=128,
    numbers=("seconds_start", "seconds_total"),
    objective="v",
    number_range=(0.0, 512.0),
)
"""What Stable Audio Open 1.0 has otherwise, in toy sizes: fewer heads in the prompt's keys, two numbers, no norm of queries."""
DEEPER = replace(TINY, vae_widths=(8, 8, 12, 16, 16), vae_kernels=(4, 4, 4, 8))
"""With two blocks next to the audio, which run in parts."""
INPAINTING = replace(TINY, concat=TINY.latent + 1)
CONFIGS = {"small": TINY, "older": OLDER, "inpainting": INPAINTING}

every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def build(config: Config, form: str = "fused") -> Any:
    """A model in evaluation mode of which every parameter matters."""
    torch.manual_seed(0)
    model = ours.build(config, form)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def inputs(config: Config, batch: int = 2) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(1)
    given = {
        "x": torch.randn(batch, config.latent, config.frames, generator=draw),
        "t": torch.tensor([0.3, 0.9])[:batch],
        "cross": torch.randn(
            batch, config.prompt_tokens + len(config.numbers), config.cond_dim, generator=draw
        ),
        "globals": torch.randn(batch, config.global_dim, generator=draw),
    }
    if config.concat:
        given["concat"] = torch.randn(batch, config.concat, config.frames, generator=draw)
    return given


@every_config
def test_expected_names_and_shapes_are_the_modules(config: Config) -> None:
    state = build(config).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == families.signature(
        "stable-audio"
    ).expected(config)


@every_config
def test_what_was_saved_is_detected_and_loads_again(config: Config) -> None:
    original = build(config, "weight-norm-old")
    state = original.state_dict()
    detection = families.detect_families(
        {name: tuple(value.shape) for name, value in state.items()}
    )[0]
    assert (detection.family, detection.score) == ("stable-audio", 1.0)
    seen = {
        field: getattr(detection.config, field)
        for field in ("latent", "width", "depth", "head_dim", "concat", "numbers")
    }
    assert seen == {field: getattr(config, field) for field in seen}
    again = build(config, "fused")
    bare = {
        name: value
        for name, value in state.items()
        if not name.endswith((".beta", "inv_freq")) or "pretransform" in name
    }
    ours.load(again, bare)  # buffers may be absent
    with torch.no_grad():
        torch.testing.assert_close(again(**inputs(config)), original(**inputs(config)))


@pytest.mark.parametrize(("config", "values"), [(OPEN_SMALL, 497_239_458), (OPEN_1_0, None)])
def test_full_sizes(config: Config, values: int | None) -> None:
    with torch.device("meta"):
        model = ours.build(config, "weight-norm-old")
    state = model.state_dict()
    if values is not None:
        assert (len(state), sum(value.numel() for value in state.values())) == (750, values)
    detection = families.detect_families(
        {name: tuple(value.shape) for name, value in state.items()}
    )[0]
    assert detection.config == config
    assert detection.variant == {OPEN_SMALL: "open-small", OPEN_1_0: "open-1.0"}[config]


@every_config
def test_prepared_conditioning_gives_the_same_answer(config: Config) -> None:
    model, given = build(config), inputs(config)
    concat = given.get("concat")
    with torch.no_grad():
        prepared = model.transformer.prepare(given["cross"], given["globals"])
        found = model.transformer.velocity(given["x"], given["t"], prepared, concat)
        torch.testing.assert_close(found, model(**given), rtol=0, atol=0)


@given(part=st.integers(1, 40), frames=st.integers(1, 24))
@settings(max_examples=12, deadline=None)
def test_decoding_in_parts_is_decoding_at_once(part: int, frames: int) -> None:
    model = build(TINY)
    with torch.no_grad():
        latent = torch.randn(1, TINY.latent, frames, generator=torch.Generator().manual_seed(part))
        whole = model.autoencoder.decode(latent, None)
        assert whole.shape == (1, 2, frames * TINY.hop)
        torch.testing.assert_close(
            model.autoencoder.decode(latent, part), whole, rtol=1e-5, atol=1e-6
        )


@given(part=st.integers(1, 60), frames=st.integers(1, 24), rest=st.integers(0, 15))
@settings(max_examples=12, deadline=None)
def test_encoding_in_parts_is_encoding_at_once(part: int, frames: int, rest: int) -> None:
    """Also for a sound whose length is no multiple of the hop."""
    model = build(DEEPER)
    with torch.no_grad():
        audio = torch.randn(
            1, 2, frames * DEEPER.hop + rest, generator=torch.Generator().manual_seed(part)
        )
        whole = model.autoencoder.statistics(audio, None)
        assert whole[0].shape == (1, DEEPER.latent, frames)
        for found, right in zip(model.autoencoder.statistics(audio, part), whole, strict=True):
            torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-6)


def test_a_smaller_margin_would_change_the_latent(monkeypatch: pytest.MonkeyPatch) -> None:
    model, audio = build(DEEPER), torch.randn(1, 2, 24 * DEEPER.hop)
    with torch.no_grad():
        whole = model.autoencoder.encode(audio, part=None)
        for margin, equal in (
            (encoder_margin((2, 2)) - 1, True),
            (encoder_margin((2, 2)) // 2, False),
        ):
            monkeypatch.setattr(
                "auscult.families.stable_audio.torch_vae.encoder_margin", lambda _, m=margin: m
            )
            assert (
                torch.allclose(model.autoencoder.encode(audio, part=16), whole, atol=1e-6) is equal
            )


def test_a_smaller_margin_would_change_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    model, latent = build(TINY), torch.randn(1, TINY.latent, 24)
    with torch.no_grad():
        whole = model.autoencoder.decode(latent, None)
        for margin, equal in ((decoder_margin((2,)) - 1, True), (decoder_margin((2,)) - 4, False)):
            monkeypatch.setattr(
                "auscult.families.stable_audio.torch_vae.decoder_margin", lambda _, m=margin: m
            )
            assert torch.allclose(model.autoencoder.decode(latent, 16), whole, atol=1e-6) is equal


@given(length=st.integers(1, 200), size=st.integers(1, 60), margin=st.integers(0, 30))
def test_spans_keep_every_frame_once(length: int, size: int, margin: int) -> None:
    kept = [
        frame
        for span in spans(length, size, margin)
        for frame in range(span.start, span.stop)[span.skip :][: span.keep]
    ]
    assert kept == list(range(length))


def test_gradients_flow_as_inference_computes() -> None:
    model, latent = build(TINY), torch.randn(1, TINY.latent, 6)
    trained = model.autoencoder.decode(latent)
    trained.square().mean().backward()
    with torch.no_grad():
        torch.testing.assert_close(model.autoencoder.decode(latent), trained.detach())
    assert all(float(p.grad.abs().max()) > 0 for p in model.autoencoder.decoder.parameters())


def test_numbers_are_clamped_scaled_and_in_order() -> None:
    """x, sin, cos of the number over its range; by hand."""
    model = build(TINY)
    embed = model.conditioner.conditioners["seconds_total"]
    weights, linear = embed.embedder.embedding[0].weights, embed.embedder.embedding[1]
    with torch.no_grad():
        for seconds, scaled in ((64.0, 0.25), (999.0, 1.0), (-3.0, 0.0)):
            angles = 2 * torch.pi * scaled * weights
            features = torch.cat((torch.tensor([scaled]), angles.sin(), angles.cos()))
            torch.testing.assert_close(
                embed(torch.tensor([seconds]))[0], linear(features), rtol=1e-4, atol=1e-5
            )


def test_padding_is_silent_and_the_numbers_follow_the_prompt() -> None:
    model = build(OLDER)
    prompt, mask = torch.randn(1, 5, 64), torch.tensor([[1, 1, 0, 0, 0]])
    numbers = {"seconds_start": torch.tensor([3.0]), "seconds_total": torch.tensor([47.0])}
    with torch.no_grad():
        told = model.conditioner(prompt, mask, numbers)
        vectors = [model.conditioner.conditioners[name](numbers[name]) for name in OLDER.numbers]
    assert told.cross.shape == (1, 7, 64)
    assert torch.equal(told.cross[:, :2], prompt[:, :2])
    assert not told.cross[:, 2:5].any()
    assert torch.equal(told.cross[:, 5:], torch.stack(vectors, dim=1))
    assert torch.equal(told.globals, torch.cat(vectors, dim=-1))


class TestMlx:
    """MLX computes what PyTorch computes, from the same weights."""

    @every_config
    def test_every_part_agrees(self, config: Config) -> None:
        mx = pytest.importorskip("mlx.core")
        from auscult.families.stable_audio import mlx as theirs

        original, module = build(config, "weight-norm-old"), theirs.build(config)
        theirs.load(
            module,
            {f"m.{name}": value.numpy() for name, value in original.state_dict().items()},
            "m.",
        )
        given = inputs(config)
        last = {
            name: mx.array(
                value.numpy().swapaxes(1, 2) if name in ("x", "concat") else value.numpy()
            )
            for name, value in given.items()
        }
        latent, audio = torch.randn(1, config.latent, 24), torch.randn(1, 2, 12 * config.hop)
        noise = torch.randn(1, config.latent, 12)
        words, mask = (
            torch.randn(1, config.prompt_tokens, config.cond_dim),
            torch.ones(1, config.prompt_tokens),
        )
        numbers = {name: torch.tensor([30.0]) for name in config.numbers}

        def turned(value: Any) -> Any:
            return mx.array(value.numpy().swapaxes(1, 2))

        with torch.no_grad():
            auto, told = original.autoencoder, original.conditioner(words, mask, numbers)
            pairs = {
                "velocity": (module(**last), original(**given), True),
                "decode": (module.autoencoder.decode(turned(latent), 7), auto.decode(latent), True),
                "encode": (
                    module.autoencoder.encode(turned(audio), turned(noise), 7),
                    auto.encode(audio, noise),
                    True,
                ),
            }
        found = module.conditioner(
            mx.array(words.numpy()),
            mx.array(mask.numpy()),
            {name: mx.array(value.numpy()) for name, value in numbers.items()},
        )
        pairs |= {
            "cross": (found.cross, told.cross, False),
            "globals": (found.globals, told.globals, False),
        }
        for name, (mine, right, swapped) in pairs.items():
            got = np.asarray(mine).swapaxes(1, 2) if swapped else np.asarray(mine)
            assert relative(got, right.numpy()) < 1e-4, name

    def test_t5_agrees_with_transformers(self) -> None:
        mx = pytest.importorskip("mlx.core")
        pytest.importorskip("transformers")
        from auscult.families.t5_encoder import mlx as theirs
        from auscult.families.t5_encoder import torch as reference
        from auscult.families.t5_encoder.signature import TINY as TEXT

        for config in (TEXT, replace(TEXT, gated=True, inner=30)):
            torch.manual_seed(0)
            original, module = reference.build(config), theirs.build(config)
            theirs.load(
                module, {name: value.numpy() for name, value in original.state_dict().items()}
            )
            ids = torch.randint(2, config.vocabulary, (2, 150))
            mask = torch.ones(2, 150, dtype=torch.int64)
            mask[1, 40:] = 0
            right = reference.encode(original, ids, mask).numpy()
            assert (
                relative(np.asarray(module(mx.array(ids.numpy()), mx.array(mask.numpy()))), right)
                < 1e-4
            )


def relative(found: Any, expected: Any) -> float:
    """The largest error as a share of the largest value."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())
