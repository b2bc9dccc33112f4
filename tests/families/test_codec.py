"""The codec family: shapes, detection, the quantiser's gradient, streaming, and MLX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from auscult import families  # noqa: E402
from auscult.families.codec.config import Config  # noqa: E402
from auscult.families.codec.quantizer import ResidualQuantizer  # noqa: E402
from auscult.families.codec.torch import Codec, Conv, Elu, Snake, build, load  # noqa: E402


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Small codecs of every kind."""
    strides = tuple(draw(st.lists(st.integers(2, 5), min_size=1, max_size=3)))
    first = draw(st.sampled_from((1, 4)))
    widths = (first, *(draw(st.integers(3, 9)) for _ in strides))
    latent = draw(st.integers(2, 6))
    return Config(
        widths=widths,
        strides=strides,
        units=draw(st.integers(0, 2)) if any(width != 1 for width in widths[:-1]) else 0,
        core=draw(st.integers(1, 2)),
        kernel=draw(st.sampled_from((3, 5))),
        latent=latent,
        books=draw(st.integers(1, 3)),
        book_size=draw(st.sampled_from((4, 16))),
        code_dim=draw(st.sampled_from((0, 2))),
        activation=draw(st.sampled_from(("snake", "elu"))),
        causal=draw(st.booleans()),
        end=draw(st.sampled_from(("none", "tanh", "clamp"))),
        delay=draw(st.integers(0, 9)),
        average=draw(st.sampled_from((0.0, 0.8))),
        group=draw(st.sampled_from((1, 4))),
    )


def made(config: Config, form: Any = "fused", seed: int = 0) -> Codec:
    torch.manual_seed(seed)
    codec = build(config, form).eval()
    if config.average:
        with torch.no_grad():
            codec.quantizer.level.copy_(codec.quantizer.fit(codec.encoder(audio(400, seed=3))))
    return codec


def audio(length: int, seed: int = 1) -> Any:
    return torch.randn(2, 1, length, generator=torch.Generator().manual_seed(seed))


@given(config=configs(), length=st.integers(1, 200))
@settings(max_examples=25, deadline=None)
def test_output_is_as_long_as_the_input_and_decode_gives_what_forward_gives(
    config: Config, length: int
) -> None:
    codec, x = made(config), audio(length)
    with torch.no_grad():
        output, quantized = codec(x)
        codes = codec.encode(x)
        decoded = codec.decode(codes)
    assert output.shape == x.shape
    assert codes.shape == (
        2,
        config.books,
        -(-(length + config.delay) // config.step) * config.step // config.hop,
    )
    assert torch.equal(codes, quantized.codes)
    torch.testing.assert_close(decoded[..., :length], output, rtol=1e-5, atol=1e-6)


@given(config=configs(), form=st.sampled_from(("fused", "weight-norm-old", "weight-norm-new")))
@settings(max_examples=15, deadline=None)
def test_save_detect_rebuild_load(config: Config, form: Any) -> None:
    original = made(config, form)
    state = original.state_dict()
    detection = families.detect_families(
        {name: tuple(value.shape) for name, value in state.items()}
    )[0]
    assert (detection.family, detection.score) == ("codec", 1.0)
    for name in (
        "widths",
        "strides",
        "units",
        "core",
        "kernel",
        "latent",
        "books",
        "book_size",
        "code_dim",
        "activation",
    ):
        assert getattr(detection.config, name) == getattr(config, name), name
    assert {
        name: tuple(value.shape) for name, value in made(config).state_dict().items()
    } == families.signature("codec").expected(config)
    again = made(config, seed=5)
    load(again, state)
    with torch.no_grad():
        torch.testing.assert_close(
            again.decode(again.encode(audio(50))), original.decode(original.encode(audio(50)))
        )


def test_the_package_codec_is_the_default_and_choices_change_no_tensor() -> None:
    from dataclasses import replace

    sign: Any = families.signature("codec")
    assert sign.variant(Config()) == "telugu"
    assert Config().bits_per_second == 16000
    assert sign.variants(Config())[0].config == Config()
    for choice in sign.choices(Config()):
        for value in choice.values:
            assert sign.expected(replace(Config(), **{choice.field: value})) == sign.expected(
                Config()
            )


def quantizer(**changes: Any) -> ResidualQuantizer:
    torch.manual_seed(0)
    return ResidualQuantizer(
        Config(**{"latent": 6, "books": 8, "book_size": 32, "average": 0.0, **changes}), "fused"
    )


def test_the_encoder_receives_the_decoders_gradient_exactly_once() -> None:
    latent = torch.randn(2, 6, 9, requires_grad=True)
    weight = torch.randn(2, 6, 9)
    (quantizer()(latent).values * weight).sum().backward()
    assert torch.equal(latent.grad, weight)


def test_the_codes_get_no_gradient_and_the_commitment_pulls_towards_them() -> None:
    books = quantizer()
    assert not list(books.parameters())
    latent = torch.randn(2, 6, 9, requires_grad=True)
    result = books(latent)
    result.distance.sum().backward()
    moved = books(latent.detach() - 0.01 * latent.grad * latent[0].numel())
    assert (moved.distance < result.distance).all()


@given(seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_codes_are_the_nearest_of_what_is_left(seed: int) -> None:
    """Oracle: all distances, book by book."""
    books = quantizer(books=3)
    latent = torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(seed))
    result = books(latent)
    residual = latent[0].T.double()
    for number, module in enumerate(books.books):
        book: Any = module
        distances = torch.cdist(residual, book.codes.double())
        chosen = result.codes[0, number]
        best = distances.min(1).values
        torch.testing.assert_close(distances[torch.arange(5), chosen], best, rtol=1e-5, atol=1e-6)
        residual = residual - book.codes.double()[chosen]
    torch.testing.assert_close(
        result.values, latent - residual.T.float()[None], rtol=1e-4, atol=1e-5
    )


def test_a_smaller_depth_uses_the_first_books_only() -> None:
    books, latent = quantizer(), torch.randn(3, 6, 7)
    result = books(latent, torch.tensor([1, 8, 3]))
    assert (result.codes[0, 1:] == -1).all()
    assert (result.codes[2, 3:] == -1).all()
    assert (result.codes[1] >= 0).all()
    torch.testing.assert_close(result.values, books.lookup(result.codes))
    torch.testing.assert_close(result.values[:1], books.lookup(result.codes[:1, :1]))
    assert [len(items) for items in result.inputs] == [21, 14, 14, 7, 7, 7, 7, 7]


def test_snake_is_the_formula_and_so_is_its_gradient() -> None:
    snake = Snake(3).double()
    with torch.no_grad():
        snake.alpha.copy_(torch.tensor([0.3, 1.0, 2.5]))
    x = torch.randn(2, 3, 7, dtype=torch.double, requires_grad=True)
    a = snake.alpha[:, None]
    torch.testing.assert_close(snake(x), x + torch.sin(a * x) ** 2 / (a + 1e-9))
    assert torch.autograd.gradcheck(
        lambda y, alpha: torch.func.functional_call(snake, {"alpha": alpha}, (y,)), (x, snake.alpha)
    )


def test_elu_is_the_library_s_and_so_is_its_gradient() -> None:
    x = torch.cat((torch.linspace(-20, 20, 401), torch.tensor([0.0, -1e-3, 1e-3, -1e4, 1e4])))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    weight = torch.randn(len(x), generator=torch.Generator().manual_seed(0))
    (Elu()(ours) * weight).sum().backward()
    (torch.nn.functional.elu(theirs) * weight).sum().backward()
    torch.testing.assert_close(Elu()(ours), torch.nn.functional.elu(theirs), rtol=1e-6, atol=1e-7)
    inside = x != 0  # where either slope is right
    torch.testing.assert_close(ours.grad[inside], theirs.grad[inside], rtol=1e-6, atol=1e-7)
    half = x.to(torch.bfloat16)
    assert torch.equal(Elu()(half), torch.nn.functional.elu(half))


@given(
    kernel=st.sampled_from((5, 7)),
    dilation=st.integers(2, 9),
    causal=st.booleans(),
    length=st.integers(1, 60),
    seed=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_a_dilated_convolution_by_phases_is_the_convolution(
    kernel: int, dilation: int, causal: bool, length: int, seed: int
) -> None:
    torch.manual_seed(seed)
    conv = Conv(3, 5, kernel, dilation=dilation, causal=causal).double()
    assert conv.by_phase
    x = torch.randn(2, 3, length, dtype=torch.double, requires_grad=True)
    padded = torch.nn.functional.pad(x, (conv.left, conv.extra - conv.left))
    expected = torch.nn.functional.conv1d(padded, conv.weight, conv.bias, dilation=dilation)
    torch.testing.assert_close(conv(x), expected)
    weight = torch.randn_like(expected)
    (found, wanted) = (
        torch.autograd.grad((y * weight).sum(), (x, conv.weight)) for y in (conv(x), expected)
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


@given(config=configs(), chunks=st.lists(st.integers(1, 4), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_a_stream_gives_what_the_whole_gives(config: Config, chunks: list[int]) -> None:
    from dataclasses import replace

    config = replace(config, causal=True)
    codec = made(config, "weight-norm-new")
    x = audio(sum(chunks) * config.step)[:1]
    with torch.no_grad():
        whole = codec.quantizer(codec.encoder(x)).codes
        cache: Any = {}
        ends = np.cumsum(chunks) * config.step
        parts = [
            codec.encode(piece, cache)
            for piece in torch.tensor_split(x, [int(end) for end in ends[:-1]], -1)
        ]
        assert torch.equal(torch.cat(parts, -1), whole)
        cache = {}
        pieces = [codec.decode(part, cache) for part in parts]
        torch.testing.assert_close(
            torch.cat(pieces, -1),
            codec.decoder(codec.quantizer.lookup(whole)),
            rtol=1e-5,
            atol=1e-6,
        )


def test_a_causal_codec_looks_no_further_ahead_than_its_delay() -> None:
    config = Config(
        widths=(1, 8),
        strides=(4,),
        core=2,
        latent=4,
        books=2,
        book_size=8,
        causal=True,
        delay=8,
        average=0.0,
    )
    codec, x = made(config), audio(80)[:1]
    later = x.clone()
    later[..., 60:] += 1
    with torch.no_grad():
        before, after = codec(x)[0], codec(later)[0]
    assert torch.equal(before[..., : 60 - 8 - 4], after[..., : 60 - 8 - 4])


@given(config=configs())
@settings(max_examples=20, deadline=None)
def test_mlx_agrees_with_torch(config: Config) -> None:
    mx = pytest.importorskip("mlx.core")
    from auscult.families.codec import mlx

    original, module = made(config, "weight-norm-new"), mlx.build(config)
    mlx.load(
        module, {name: value.detach().numpy() for name, value in original.state_dict().items()}
    )
    x = audio(61)
    with torch.no_grad():
        latent = original.encoder(original.padded(x))
        codes = original.encode(x)
        expected = original.decode(codes).numpy()
    padded = mx.array(original.padded(x).numpy().transpose(0, 2, 1))
    found = np.asarray(module.encoder(padded)).transpose(0, 2, 1)
    assert np.abs(found - latent.numpy()).max() <= 1e-4 * max(float(latent.abs().max()), 1e-3)
    sound = np.asarray(module.decode(mx.array(codes.numpy()))).transpose(0, 2, 1)
    assert sound.shape == expected.shape
    assert np.abs(sound - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1e-3)
    agree = np.asarray(module.encode(mx.array(x.numpy().transpose(0, 2, 1)))) == codes.numpy()
    assert agree.mean() > 0.95  # a frame halfway between two codes may fall on either side


@given(seed=st.integers(0, 99), wanted=st.floats(0.2, 5.8))
@settings(max_examples=20, deadline=None)
def test_loud_groups_get_the_books_and_their_mean_is_what_was_asked_for(
    seed: int, wanted: float
) -> None:
    draw = torch.Generator().manual_seed(seed)
    books = quantizer(books=6, average=3.0, group=2)
    latent = torch.randn(2, 6, 40, generator=draw) * torch.exp(
        torch.randn(2, 1, 20, generator=draw)
    ).repeat_interleave(2, 2)
    level = books.fit(latent, wanted)
    result = books(latent, level=level)
    depths = (result.codes >= 0).sum(1)
    assert torch.equal(depths[:, ::2], depths[:, 1::2])
    assert wanted - 6 / 20 <= depths.double().mean() <= wanted
    for number in range(
        1, 6
    ):  # oracle: a group goes on while what is left of it is above the level
        left = latent - books.lookup(result.codes[:, :number])
        energy = left.square().mean(1).unflatten(1, (-1, 2)).mean(2)
        going, stopped = depths[:, ::2] > number, depths[:, ::2] == number
        assert (energy[going] > level * (1 - 1e-5)).all()
        assert (energy[stopped] <= level * (1 + 1e-5)).all()
    torch.testing.assert_close(books.lookup(result.codes), result.values, rtol=1e-5, atol=1e-6)
