"""Small random Core ML models: a program in a package (`.mlpackage`), or else a neural network in one file (`.mlmodel`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SUFFIX = ".mlmodel"


def make(path: Path, seed: int) -> None:
    """Write a random model to `path`; its suffix decides which kind."""
    if path.suffix == ".mlpackage":
        make_package(path, seed)
    else:
        make_network(path, seed)


def make_package(path: Path, seed: int, *, half: bool = False) -> dict[str, np.ndarray]:
    """Write a program and give the values of its constants by the names they should have."""
    import coremltools as ct
    from coremltools.converters.mil import Builder

    rng = np.random.default_rng(seed)
    out, into = (int(side) for side in rng.integers(3, 9, 2))
    arrays = {
        "conv_weight": rng.normal(size=(out, into, 3)).astype(np.float32),
        "conv_bias": rng.normal(size=out).astype(np.float32),
        "linear_weight": rng.normal(size=(5, out)).astype(np.float32),
        "linear_bias": rng.normal(size=5).astype(np.float32),
    }

    def body(x: object) -> object:
        consts = {name: Builder.const(val=array, name=name) for name, array in arrays.items()}
        y = Builder.conv(
            x=x,
            weight=consts["conv_weight"],
            bias=consts["conv_bias"],
            dilations=[2],
            pad_type="same",
            name="conv",
        )
        y = Builder.transpose(x=Builder.leaky_relu(x=y, alpha=0.25), perm=[0, 2, 1])
        return Builder.linear(
            x=y, weight=consts["linear_weight"], bias=consts["linear_bias"], name="linear"
        )

    spec, target = (
        Builder.TensorSpec(shape=(1, into, 16)),
        ct.target.iOS18 if half else ct.target.iOS16,
    )
    program = Builder.program(input_specs=[spec], opset_version=target)(body)
    precision = ct.precision.FLOAT16 if half else ct.precision.FLOAT32
    model = ct.convert(
        program,
        convert_to="mlprogram",
        compute_precision=precision,
        minimum_deployment_target=target,
    )
    model.save(str(path))
    return arrays


def make_network(path: Path, seed: int) -> dict[str, np.ndarray]:
    """Write a neural network and give its weights by the names they should have."""
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

    rng = np.random.default_rng(seed)
    out, into, kernel = (int(side) for side in rng.integers(2, 6, 3))
    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(into, 9, 9))],
        [("y", datatypes.Array(7))],
        disable_rank5_shape_mapping=True,
    )
    # the builder takes [kernel height, kernel width, in, out]
    weight = rng.normal(size=(1, kernel, into, out)).astype(np.float32)
    bias, matrix = (
        rng.normal(size=out).astype(np.float32),
        rng.normal(size=(7, out)).astype(np.float32),
    )
    builder.add_convolution(
        name="conv",
        kernel_channels=into,
        output_channels=out,
        height=1,
        width=kernel,
        stride_height=1,
        stride_width=2,
        border_mode="same",
        groups=1,
        W=weight,
        b=bias,
        has_bias=True,
        input_name="x",
        output_name="h",
    )
    mean, variance = rng.normal(size=out).astype(np.float32), rng.random(out).astype(np.float32)
    builder.add_batchnorm(
        "norm", out, bias, bias, mean=mean, variance=variance, input_name="h", output_name="n"
    )
    builder.add_inner_product(
        "linear", matrix, None, out, 7, has_bias=False, input_name="n", output_name="y"
    )
    path.write_bytes(builder.spec.SerializeToString())
    return {
        "conv.weights": weight.transpose(3, 2, 0, 1),
        "conv.bias": bias,
        "norm.gamma": bias,
        "norm.beta": bias,
        "norm.mean": mean,
        "norm.variance": variance,
        "linear.weights": matrix,
    }
