"""Axis order and parametrisation from names and shapes, on the tensors of published models in both orders."""

from __future__ import annotations

import pytest

from auscult.checkpoint.layout import detect_layout, detect_parametrisation
from auscult.weights import Shape
from tests.families import published

TORCH = [name for name in published.names() if not name.endswith("_mlx")]


def in_mlx_order(shapes: dict[str, Shape]) -> dict[str, Shape]:
    """The same tensors with channels last; a transposed convolution is told by its bias."""
    result = {}
    for name, shape in shapes.items():
        stem = (
            name.removesuffix(".parametrizations.weight.original1")
            .removesuffix("_v")
            .removesuffix(".weight")
        )
        bias = shapes.get(f"{stem}.bias", shape[:1])
        order = tuple(range(len(shape)))
        if len(shape) == 3 and name != stem and not name.endswith("original0"):
            order = (1, 2, 0) if bias[0] == shape[1] != shape[0] else (0, 2, 1)
        elif len(shape) == 4:
            order = (0, 2, 3, 1)
        result[name] = tuple(shape[axis] for axis in order)
    return result


@pytest.mark.parametrize("name", TORCH)
def test_published_models_in_torchs_order(name: str) -> None:
    found = detect_layout(published.shapes(name))
    assert found.layout in ("torch", "unknown"), found.mlx[:5]


@pytest.mark.parametrize("name", TORCH)
def test_published_models_in_mlxs_order(name: str) -> None:
    found = detect_layout(in_mlx_order(published.shapes(name)))
    assert found.layout in ("mlx", "unknown"), found.torch[:5]


def test_most_models_are_decided() -> None:
    convolutional = [
        name for name in TORCH if any(len(shape) == 3 for shape in published.shapes(name).values())
    ]
    decided = [
        name for name in convolutional if detect_layout(published.shapes(name)).layout == "torch"
    ]
    assert len(decided) >= 0.8 * len(convolutional), set(convolutional) - set(decided)


def test_a_kernel_longer_than_the_channels_stays_undecided() -> None:
    found = detect_layout({"source_downs.0.weight": (256, 18, 30), "source_downs.0.bias": (256,)})
    assert (found.layout, found.undecided) == ("unknown", ("source_downs.0.weight",))


def test_square_and_pointwise_say_nothing() -> None:
    assert (
        detect_layout(
            {"a.weight": (64, 3, 3), "b.weight": (64, 64, 1), "c.weight": (64, 1, 64)}
        ).layout
        == "unknown"
    )


def test_a_transposed_convolution_is_told_by_its_bias() -> None:
    shapes: dict[str, Shape] = {"up.weight": (512, 256, 16), "up.bias": (256,)}
    assert detect_layout(shapes).torch == ("up.weight",)
    assert "1 can be read only as torch's" in detect_layout(shapes).sentence


def test_one_layer_in_another_order_is_mixed() -> None:
    shapes = dict(published.shapes("hifigan_v1"))
    odd = next(name for name, shape in shapes.items() if shape == (256, 256, 3))
    shapes[odd] = (256, 3, 256)
    found = detect_layout(shapes)
    assert (found.layout, found.mlx) == ("mixed", (odd,))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a.weight_g", "a.weight_v"), "weight-norm-old"),
        (
            ("a.parametrizations.weight.original0", "a.parametrizations.weight.original1"),
            "weight-norm-new",
        ),
        (
            (
                "a.weight_g",
                "a.weight_v",
                "b.parametrizations.weight.original0",
                "b.parametrizations.weight.original1",
            ),
            "mixed",
        ),
        (("a.weight", "a.weight_g"), "none"),
    ],
)
def test_parametrisation(names: tuple[str, ...], expected: str) -> None:
    assert detect_parametrisation(dict.fromkeys(names))[0] == expected


@pytest.mark.parametrize("channels", [8, 16, 48])
def test_the_first_convolutions_of_a_stereo_model_say_nothing(channels: int) -> None:
    """Demucs: kernel 8 over 2 channels of a recording or 4 of its spectrogram, where 8 is a number of channels as well."""
    shapes: dict[str, tuple[int, ...]] = {}
    for row, inputs, plane in (("encoder", 4, (8, 1)), ("tencoder", 2, (8,))):
        shapes[f"{row}.0.conv.weight"] = (channels, inputs, *plane)
        shapes[f"{row}.0.conv.bias"] = (channels,)
        shapes[f"{row}.1.conv.weight"] = (2 * channels, channels, *plane)
        shapes[f"{row}.1.conv.bias"] = (2 * channels,)
        shapes[f"{row}.1.squeeze.weight"] = (8, 2 * channels, *(1 for _ in plane))
        shapes[f"{row}.1.squeeze.bias"] = (8,)
    assert detect_layout(shapes).layout in {"torch", "unknown"}
    in_mlx = {
        name: (shape[0], *shape[2:], shape[1]) if len(shape) > 2 else shape
        for name, shape in shapes.items()
    }
    assert detect_layout(in_mlx).layout in {"mlx", "unknown"}


def test_a_later_convolution_in_another_order_is_still_seen() -> None:
    shapes = {f"layers.{i}.weight": (64, 64, 7) for i in range(4)} | {
        f"layers.{i}.bias": (64,) for i in range(4)
    }
    shapes["layers.3.weight"] = (64, 7, 64)
    assert detect_layout(shapes).mlx == ("layers.3.weight",)
