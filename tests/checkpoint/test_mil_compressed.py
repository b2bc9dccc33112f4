"""Compressed weights of Core ML programs, held against what coremltools decompresses, and against their originals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Array, Checkpoint

ct = pytest.importorskip("coremltools")
cto = pytest.importorskip("coremltools.optimize.coreml")
OUT, IN = 48, 64

Compressor = Callable[[Any], Any]


def make_weights(seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        "first.weight": rng.normal(size=(OUT, IN)).astype(np.float32),
        "second.weight": rng.normal(size=(IN, OUT)).astype(np.float32),
    }


def make_program(weights: dict[str, Array], target: Any) -> Any:
    """Two linear layers."""
    from coremltools.converters.mil import Builder

    @Builder.program(  # type: ignore[untyped-decorator]
        input_specs=[Builder.TensorSpec(shape=(1, IN))], opset_version=target
    )
    def program(x: Any) -> Any:
        hidden = Builder.linear(x=x, weight=weights["first.weight"], name="first")
        return Builder.linear(x=hidden, weight=weights["second.weight"], name="second")

    return ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=target,
        compute_precision=ct.precision.FLOAT32,
    )


def quantise(model: Any, **options: Any) -> Any:
    config = cto.OpLinearQuantizerConfig(weight_threshold=0, **options)
    return cto.linear_quantize_weights(model, cto.OptimizationConfig(global_config=config))


def palettise(model: Any, *, mode: str = "uniform", **options: Any) -> Any:
    if mode == "kmeans" and not ct._deps._HAS_SKLEARN:
        pytest.skip("needs scikit-learn, of which coremltools 9.0 takes none later than 1.5.1")
    config = cto.OpPalettizerConfig(weight_threshold=0, mode=mode, **options)
    return cto.palettize_weights(model, cto.OptimizationConfig(global_config=config))


def prune(model: Any) -> Any:
    config = cto.OpThresholdPrunerConfig(
        threshold=0.5, minimum_sparsity_percentile=0.1, weight_threshold=0
    )
    return cto.prune_weights(model, cto.OptimizationConfig(global_config=config))


def prune_and_palettise(model: Any) -> Any:
    config = cto.OpPalettizerConfig(nbits=4, mode="uniform", weight_threshold=0)
    options = {"joint_compression": True}
    return cto.palettize_weights(
        prune(model), cto.OptimizationConfig(global_config=config), **options
    )


def prune_and_quantise(model: Any) -> Any:
    config = cto.OpLinearQuantizerConfig(weight_threshold=0)
    return cto.linear_quantize_weights(
        prune(model), cto.OptimizationConfig(global_config=config), joint_compression=True
    )


def palettise_and_quantise(model: Any) -> Any:
    """A palette whose entries are integers with a scale."""
    config = cto.OpLinearQuantizerConfig(weight_threshold=0, granularity="per_tensor")
    return cto.linear_quantize_weights(
        palettise(model, nbits=6),
        cto.OptimizationConfig(global_config=config),
        joint_compression=True,
    )


IOS16, IOS18 = ct.target.iOS16, ct.target.iOS18
GROUPED: dict[str, Any] = {"granularity": "per_grouped_channel", "group_size": 16}
COMPRESSORS: dict[str, tuple[Any, Compressor]] = {
    "int4 blocks": (
        IOS18,
        partial(quantise, dtype="int4", granularity="per_block", block_size=16),
    ),
    "uint4 blocks": (
        IOS18,
        partial(quantise, dtype="uint4", mode="linear", granularity="per_block", block_size=16),
    ),
    "int8": (IOS18, partial(quantise, dtype="int8", granularity="per_tensor")),
    "palette of 4, iOS 16": (IOS16, partial(palettise, nbits=4)),
    "palette of 6, iOS 16": (IOS16, partial(palettise, nbits=6)),
    "palette of 2": (IOS18, partial(palettise, nbits=2)),
    "palette of 3": (IOS18, partial(palettise, nbits=3)),
    "palette of 6": (IOS18, partial(palettise, nbits=6)),
    "palette of 8": (IOS18, partial(palettise, nbits=8)),
    "palette of 4 by k-means": (IOS18, partial(palettise, nbits=4, mode="kmeans")),
    "palette of 6 by k-means, iOS 16": (IOS16, partial(palettise, nbits=6, mode="kmeans")),
    "grouped palettes by k-means": (
        IOS18,
        partial(palettise, nbits=3, mode="kmeans", **GROUPED),
    ),
    "grouped palettes": (IOS18, partial(palettise, nbits=4, **GROUPED)),
    "quantised palette": (IOS18, palettise_and_quantise),
}
SPARSE: dict[str, tuple[Any, Compressor]] = {
    "sparse, iOS 16": (IOS16, prune),
    "sparse": (IOS18, prune),
    "sparse palette": (IOS18, prune_and_palettise),
    "sparse integers": (IOS18, prune_and_quantise),
}


def compress(name: str, seed: int, folder: Path) -> tuple[Path, Path]:
    """The compressed model, and the same decompressed by coremltools."""
    target, compressor = {**COMPRESSORS, **SPARSE}[name]
    compressed, plain = folder / "c.mlpackage", folder / "d.mlpackage"
    model = compressor(make_program(make_weights(seed), target))
    assert f"constexpr_{'sparse' if name in SPARSE else ''}" in str(model.get_spec().mlProgram)
    model.save(str(compressed))
    cto.decompress_weights(ct.models.MLModel(str(compressed), skip_model_load=True)).save(
        str(plain)
    )
    return compressed, plain


@pytest.mark.parametrize("name", [*COMPRESSORS, *SPARSE])
def test_values_equal_those_of_coremltools(name: str, tmp_path: Path) -> None:
    compressed, plain = (open_checkpoint(path) for path in compress(name, 0, tmp_path))
    assert not compressed.skips
    expected = {tensor.shape: tensor.values() for tensor in plain.values() if tensor.size > OUT * 2}
    weights = [tensor for tensor in compressed.values() if len(tensor.shape) == 2]
    assert {tensor.shape for tensor in weights} == {(OUT, IN), (IN, OUT)}
    for tensor in weights:
        values = tensor.values()
        np.testing.assert_allclose(values, expected[tensor.shape], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(
            tensor.flat(70, 501)
            if isinstance(tensor.data, CodedWeight)
            else values.reshape(-1)[70:501],
            values.reshape(-1)[70:501],
        )


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_compressed_model_is_its_original(name: str, tmp_path: Path) -> None:
    compressed, _ = compress(name, 0, tmp_path)
    assert diff(Checkpoint.of(make_weights(0)), compressed).verdict is Verdict.EQUIVALENT
    assert diff(compressed, Checkpoint.of(make_weights(0))).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_compressed_model_is_no_other(name: str, tmp_path: Path) -> None:
    compressed, _ = compress(name, 1, tmp_path)
    assert diff(Checkpoint.of(make_weights(0)), compressed).verdict is Verdict.DIVERGENT
    changed = make_weights(1)
    row = changed["first.weight"][5]
    row += 10 * np.ptp(row) / 16
    assert diff(Checkpoint.of(changed), compressed).verdict is Verdict.DIVERGENT


def test_a_pruned_model_is_not_its_original(tmp_path: Path) -> None:
    compressed, _ = compress("sparse", 0, tmp_path)
    weights = make_weights(0)
    assert diff(Checkpoint.of(weights), compressed).verdict is Verdict.DIVERGENT
    pruned = {name: np.where(abs(values) < 0.5, 0, values) for name, values in weights.items()}
    verdict = diff(Checkpoint.of(pruned), compressed).verdict
    assert verdict is Verdict.EQUIVALENT


def test_a_palette_of_vectors_is_skipped_with_the_reason(tmp_path: Path) -> None:
    model = palettise(make_program(make_weights(0), IOS18), nbits=2, mode="kmeans", cluster_dim=4)
    model.save(str(tmp_path / "v.mlpackage"))
    checkpoint = open_checkpoint(tmp_path / "v.mlpackage")
    assert {skip.is_weight for skip in checkpoint.skips} == {True}
    assert all("constexpr_lut_to_dense" in skip.reason for skip in checkpoint.skips)
    assert diff(Checkpoint.of(make_weights(0)), checkpoint).verdict is Verdict.INCONCLUSIVE
