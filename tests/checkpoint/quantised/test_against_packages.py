"""Each scheme against the package that writes it: the same numbers, bit for bit.

The packages are installed into a temporary folder, without what they depend on, and run in a process of
their own: a script quantises a weight, saves it as the package does, and writes down what the package
itself makes of it. Where a package cannot be had or does not start, the test says so and is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

INSTALL_SECONDS = 400
RUN_SECONDS = 200
START = """
import sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
from safetensors.torch import save_file
torch.manual_seed(0)
out = sys.argv[1]
layer = torch.nn.Linear(256, 128)
np.save(f"{out}/float.npy", layer.weight.detach().numpy())

def keep(tensors, values):
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, f"{out}/model.safetensors")
    np.save(f"{out}/values.npy", values.detach().float().numpy())
"""


@dataclass(frozen=True)
class Case:
    """A script that quantises `layer` with some packages and calls `keep(tensors, values)`."""

    packages: tuple[str, ...]
    script: str

    @property
    def folder(self) -> str:
        return "_".join(self.packages).replace("=", "")


BITSANDBYTES = ("bitsandbytes==0.50.2",)
TORCHAO = ("torchao==0.18.0",)
QUANTO = ("optimum-quanto==0.2.7",)
HQQ = ("hqq==0.2.8.post1", "termcolor")
COMPRESSED = ("compressed-tensors==0.20.1", "loguru")
AWQ = ("autoawq==0.2.9",)
GPTQ = ("auto-gptq==0.7.1",)

BNB_4BIT = """
import bitsandbytes as bnb
quantised = bnb.nn.Linear4bit(256, 128, quant_type="{kind}", compress_statistics={nested})
quantised.load_state_dict(layer.state_dict())
quantised = quantised.to("cpu")
values = bnb.functional.dequantize_4bit(quantised.weight.data, quantised.weight.quant_state)
keep({{f"layer.{{name}}": part for name, part in quantised.state_dict().items()}}, values)
"""
BNB_INT8 = """
import bitsandbytes as bnb
quantised = bnb.nn.Linear8bitLt(256, 128, has_fp16_weights=False)
quantised.load_state_dict(layer.state_dict())
quantised = quantised.to("cpu")
state = quantised.state_dict()
values = bnb.functional.int8_vectorwise_dequant(state["weight"], state["SCB"])
keep({f"layer.{name}": part for name, part in state.items()}, values)
"""
TORCHAO_INT8 = """
from torchao.quantization import quantize_, {config}
model = torch.nn.Sequential(layer)
quantize_(model, {config}())
torch.save({{"layer.weight": model[0].weight, "layer.bias": layer.bias}}, f"{{out}}/model.pth")
np.save(f"{{out}}/values.npy", model[0].weight.dequantize().detach().numpy())
"""
QUANTO_WEIGHTS = """
import importlib.util
from optimum.quanto import freeze, qfloat8, qint2, qint4, qint8, quantize
from optimum.quanto.tensor.packed import PackedTensor
source = open(importlib.util.find_spec("optimum.quanto.library.unpack").origin).read()
plain = {{}}  # the same in Python, out of its registration: nothing is compiled
exec("\\n".join(line for line in source.splitlines() if "torch.library" not in line), plain)
PackedTensor.unpack = lambda self: plain['unpack'](self._data, self._bits)[: self.shape[0]]
model = torch.nn.ModuleDict({{"layer": layer}})
quantize(model, weights={kind})
freeze(model)
keep(model.state_dict(), model["layer"].weight.dequantize())
"""
HQQ_WEIGHTS = """
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear
config = BaseQuantizeConfig(nbits={bits}, group_size=64, axis={axis})
quantised = HQQLinear(layer, config, device="cpu", compute_dtype=torch.float32)
keep({{f"layer.{{name}}": part for name, part in quantised.state_dict().items()}}, quantised.dequantize())
"""
COMPRESSED_WEIGHTS = """
from compressed_tensors.compressors import {compressor} as Compressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
arguments = QuantizationArgs(
    num_bits={bits}, type="{type}", symmetric={symmetric}, strategy="{strategy}", group_size={group}
)
scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
from compressed_tensors.quantization.utils import calculate_qparams
grouped = layer.weight.detach().reshape(128, -1, {group} or 256)
low, high = grouped.amin(-1), grouped.amax(-1)
scale, zero = calculate_qparams(low, high, arguments)
state = {{"weight": layer.weight.detach(), "weight_scale": scale, "weight_zero_point": zero}}
packed = Compressor.compress(dict(state), scheme)
values = Compressor.decompress(dict(packed), scheme)["weight"]
keep({{f"layer.{{name}}": part for name, part in packed.items()}}, values)
"""
AWQ_WEIGHTS = """
import importlib.util, pathlib
from importlib.metadata import files
place = next(file.locate() for file in files("autoawq") if str(file) == "awq/utils/packing_utils.py")
spec = importlib.util.spec_from_file_location("packing_utils", place)  # the package itself wants more
packing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(packing)
rng = np.random.default_rng(0)
words = {"qweight": (256, 16), "qzeros": (4, 16)}
parts = {name: torch.from_numpy(rng.integers(-2**31, 2**31, shape, np.int32)) for name, shape in words.items()}
parts["scales"] = torch.from_numpy(rng.uniform(0.01, 0.1, (4, 128)).astype(np.float16))
values = packing.dequantize_gemm(parts["qweight"], parts["qzeros"], parts["scales"].float(), 4, 64)
keep({f"layer.{name}": part for name, part in parts.items()}, values.T)
"""
GPTQ_WEIGHTS = """
import importlib.util
from importlib.metadata import files
name = "auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py"
place = next(file.locate() for file in files("auto-gptq") if str(file) == name)
spec = importlib.util.spec_from_file_location("qlinear", place)  # the package itself wants an old transformers
qlinear = importlib.util.module_from_spec(spec)
spec.loader.exec_module(qlinear)
bits, group = {bits}, 64
weight = layer.weight.detach().reshape(128, -1, group)
low, high = weight.amin(-1).clamp(max=0), weight.amax(-1).clamp(min=0)
scales = ((high - low) / (2**bits - 1)).half().float()
zeros = torch.round(-low / scales).clamp(1, 2**bits - 1)
codes = (torch.round(weight / scales[..., None]) + zeros[..., None]).clamp(0, 2**bits - 1)
values = (scales[..., None] * (codes - zeros[..., None])).reshape(128, 256)
given = torch.nn.Linear(256, 128)
given.weight.data[:] = values
quantised = qlinear.QuantLinear(bits, group, 256, 128, True, weight_dtype=torch.float32)
quantised.pack(given, scales, zeros, torch.arange(256, dtype=torch.int32) // group)
quantised.eval()
made = quantised(torch.eye(256)).detach().T - quantised.bias[:, None]
assert torch.allclose(made.float(), values, atol=1e-2), (made - values).abs().max()
keep({{f"layer.{{name}}": part for name, part in quantised.state_dict().items()}}, values)
"""

CASES = {
    **{
        f"bitsandbytes-{kind}-{'nested' if nested else 'plain'}": Case(
            BITSANDBYTES, BNB_4BIT.format(kind=kind, nested=nested)
        )
        for kind in ("nf4", "fp4")
        for nested in (True, False)
    },
    "bitsandbytes-int8": Case(BITSANDBYTES, BNB_INT8),
    **{
        f"torchao-{config}": Case(TORCHAO, TORCHAO_INT8.format(config=config))
        for config in (
            "Int8WeightOnlyConfig",
            "Int8DynamicActivationInt8WeightConfig",
            "Float8WeightOnlyConfig",
        )
    },
    **{
        f"quanto-{kind}": Case(QUANTO, QUANTO_WEIGHTS.format(kind=kind))
        for kind in ("qint2", "qint4", "qint8", "qfloat8")
    },
    **{
        f"hqq-{bits}-axis{axis}": Case(HQQ, HQQ_WEIGHTS.format(bits=bits, axis=axis))
        for bits in (1, 2, 3, 4, 8)
        for axis in (0, 1)
    },
    **{
        f"compressed-{compressor}-{bits}-{'symmetric' if symmetric else 'asymmetric'}": Case(
            COMPRESSED,
            COMPRESSED_WEIGHTS.format(
                compressor=compressor,
                bits=bits,
                type=kind,
                symmetric=symmetric,
                strategy=strategy,
                group=group,
            ),
        )
        for compressor, bits, kind, symmetric, strategy, group in (
            ("PackedQuantizationCompressor", 4, "int", True, "group", 64),
            ("PackedQuantizationCompressor", 4, "int", False, "group", 64),
            ("PackedQuantizationCompressor", 8, "int", True, "group", 64),
            ("IntQuantizationCompressor", 8, "int", True, "channel", None),
            ("FloatQuantizationCompressor", 8, "float", True, "channel", None),
        )
    },
    "awq-4": Case(AWQ, AWQ_WEIGHTS),
    **{f"gptq-{bits}": Case(GPTQ, GPTQ_WEIGHTS.format(bits=bits)) for bits in (2, 3, 4, 8)},
}


@pytest.fixture(scope="session")
def install_packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """A function that gives the folder with a case's packages, installed once."""
    root = tmp_path_factory.mktemp("packages")

    def install(case: Case) -> Path:
        target = root / case.folder
        if not target.exists():
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
            done = subprocess.run(
                [*pip, str(target), *case.packages],
                capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode:
                target.mkdir(exist_ok=True)
                (target / "failed").write_text(_last_line(done.stderr))
        if (target / "failed").exists():
            pytest.skip(f"cannot be installed: {(target / 'failed').read_text()}")
        return target

    return install


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_the_package(
    name: str, install_packages: Callable[[Case], Path], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    case = CASES[name]
    folder = install_packages(case)
    done = subprocess.run(
        [sys.executable, "-c", START + case.script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the package does not run here: {_last_line(done.stderr)}")
    assert_same_numbers(next(tmp_path.glob("model.*")), np.load(tmp_path / "values.npy"))


@pytest.mark.parametrize(
    ("mode", "bits", "group"),
    [("affine", bits, 64) for bits in (2, 3, 4, 5, 6, 8)]
    + [("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)],
)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_numbers_are_those_of_mlx(
    mode: str, bits: int, group: int, dtype: str, tmp_path: Path
) -> None:
    mx = pytest.importorskip("mlx.core")
    weight = np.random.default_rng(0).standard_normal((128, 256)).astype(np.float32)
    typed = mx.array(weight).astype(getattr(mx, dtype))
    parts = mx.quantize(typed, group_size=group, bits=bits, mode=mode)
    names = ("layer.weight", "layer.scales", "layer.biases")
    mx.save_safetensors(str(tmp_path / "model.safetensors"), dict(zip(names, parts, strict=False)))
    if mode == "affine":  # mlx rounds the result to the type of the scales; ours is not rounded
        parts = (parts[0], *(part.astype(mx.float32) for part in parts[1:]))
    values = mx.dequantize(*parts, group_size=group, bits=bits, mode=mode, dtype=mx.float32)
    assert_same_numbers(tmp_path / "model.safetensors", np.array(values))


def assert_same_numbers(model: Path, values: NDArray[np.float32]) -> None:
    """The one quantised weight of the file, bit for bit."""
    checkpoint = open_checkpoint(model)
    tensor = checkpoint["layer.weight"]
    assert isinstance(tensor.data, CodedWeight)
    np.testing.assert_array_equal(tensor.numpy(), values)
    assert not [name for name in checkpoint if name not in ("layer.weight", "layer.bias")]


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no message")
