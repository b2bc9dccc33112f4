"""Elements in an order of no convention are a fault under other names too; what some code keeps so is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.align import align
from auscult.weights import Checkpoint


def find_fault(name: str, other: str, array: Any, moved: Any, form: str = "memory") -> bool:
    """Whether `moved`, called `other` in a file of that format, is a fault beside `array`; it must be found in any case."""
    (match,) = align(
        Checkpoint.of({name: array}),
        Checkpoint("port", form, dict(Checkpoint.of({other: np.ascontiguousarray(moved)}))),
    ).matches
    assert (match.a, match.b) == ((name,), (other,))
    assert match.ops
    return match.fault


@pytest.fixture
def kernel(rng: np.random.Generator) -> Any:
    return rng.standard_normal((16, 12, 4)).astype(np.float32)


def test_a_kernel_reversed_in_time(kernel: Any) -> None:
    keras = kernel.transpose(2, 1, 0)
    assert find_fault("conv_pre.weight", "conv1d.kernel", kernel, keras[::-1], "keras")
    assert find_fault("conv_pre.weight", "conv1d.kernel", kernel, keras[::-1], "flax")
    assert find_fault("conv_pre.weight", "body_conv", kernel, kernel[..., ::-1])


def test_flax_reverses_transposed_convolutions(kernel: Any) -> None:
    flax = kernel.transpose(2, 0, 1)[::-1]
    assert not find_fault("ups.0.weight", "deconv.kernel", kernel, flax, "flax")
    assert find_fault("ups.0.weight", "deconv.kernel", kernel, flax[:, ::-1][::-1], "flax")


@pytest.mark.parametrize(
    ("name", "other", "is_fault"),
    [
        ("proj.weight", "val_3", True),
        ("conv_post.weight", "out/kernel", True),
        ("ff.net.0.proj.weight", "mlp.w1", False),
        ("adaLN_modulation.1.weight", "norm_out.linear", False),
        ("attn.kv.weight", "val_7", False),
    ],
)
def test_halves_exchanged(name: str, other: str, is_fault: bool, rng: np.random.Generator) -> None:
    array = rng.standard_normal((24, 10)).astype(np.float32)
    assert find_fault(name, other, array, np.roll(array, 12, axis=0)) is is_fault
