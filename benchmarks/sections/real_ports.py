"""Real ports with random weights: what `compare` says of exports and of MLX ports that others wrote."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.section import BenchContext, Goal, Section

HEADER = ("model", "port", "verdict", "layers", "what is said", "seconds")


@dataclass(frozen=True)
class Port:
    """One comparison.

    Attributes:
        make: Gives reference, candidate, the reference's inputs, and the candidate's where they differ.
    """

    model: str
    port: str
    make: Callable[[Path], tuple[Any, Any, Mapping[str, Any], Mapping[str, Any] | None]]


def run(bench: BenchContext) -> Section:
    """Compare each port that can be made here; what cannot be exported or is not installed is a row that says so."""
    folder = Path(tempfile.mkdtemp(prefix="ports-", dir=bench.scratch))
    try:
        rows = [row(port, folder) for port in ports()]
    finally:
        shutil.rmtree(folder)
    compared = [
        entry
        for entry in rows
        if entry[2] in ("PASS", "EQUIVALENT", "DIVERGENT", "INCONCLUSIVE", "ERROR")
    ]
    right = sum(entry[2] in ("PASS", "EQUIVALENT") for entry in compared)
    goals = [
        Goal(
            "real ports that agree",
            "all, or a true defect named",
            f"{right} of {len(compared)}",
            right == len(compared),
        )
    ]
    text = (
        "Small configurations of published models with random weights, exported to ONNX by torch's two exporters and to LiteRT "
        "by litert-torch, and held against the MLX ports of mlx-audio. Seconds of comparing alone, on a shared machine."
    )
    return Section("Real ports", text, HEADER, rows, goals)


def row(port: Port, folder: Path) -> tuple[str, ...]:
    """One comparison as a row."""
    from auscult.verbs.compare.compare import compare

    try:
        reference, candidate, inputs, inputs_cand = quietly(lambda: port.make(folder))
    except Exception as error:  # noqa: BLE001 - exporters raise whatever they like; that is the result
        said = (re.sub(r"\x1b\[\d+m", "", " ".join(str(error).split())) or type(error).__name__)[
            :90
        ]
        return (port.model, port.port, "not made", "–", said.replace("|", "/"), "–")
    start = time.perf_counter()
    report = compare(reference, candidate, inputs=inputs, inputs_cand=inputs_cand)
    seconds = time.perf_counter() - start
    buckets = report.coverage.buckets if report.coverage else {}
    compared = sum(
        int(buckets.get(name, 0)) for name in ("identical", "close", "born", "grown", "different")
    )
    said = (
        "; ".join(f"{finding.cause} at {finding.where[0]}" for finding in report.findings[:2])
        or "–"
    )
    return (port.model, port.port, str(report.verdict), str(compared), said, f"{seconds:.1f}")


def quietly(work: Callable[[], Any]) -> Any:
    """Without what exporters print, some of it past Python."""
    sys.stdout.flush()
    held = [os.dup(number) for number in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nothing, number)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            return work()
    finally:
        for number, place in zip((1, 2), held, strict=True):
            os.dup2(place, number)
            os.close(place)
        os.close(nothing)


def ports() -> Iterator[Port]:
    """All comparisons."""
    for name, build in MODELS.items():
        for exporter in ("torchscript", "dynamo"):
            yield Port(name, f"ONNX, {exporter}", exported(build, dynamo=exporter == "dynamo"))
    yield Port("HiFi-GAN", "LiteRT", to_litert)
    yield Port("HiFi-GAN, ONNX", "LiteRT", onnx_to_litert)
    for part in ("encoder", "decoder"):
        yield Port(f"EnCodec {part}", "mlx-audio", encodec_in_mlx(part))


def exported(
    build: Callable[[], tuple[Any, tuple[Any, ...]]], *, dynamo: bool
) -> Callable[[Path], Any]:
    """The module against its ONNX file."""

    def make(folder: Path) -> Any:
        import torch

        model, arguments = build()
        file = folder / "model.onnx"
        with torch.no_grad():
            torch.onnx.export(model, arguments, str(file), dynamo=dynamo, opset_version=20)
        return model, str(file), numbered(arguments), None

    return make


def numbered(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Inputs by position."""
    return {
        f"input.{index}" if index else "input": tensor.numpy()
        for index, tensor in enumerate(arguments)
    }


def to_litert(folder: Path) -> Any:
    import litert_torch

    model, arguments = hifigan()
    file = folder / "model.tflite"
    litert_torch.convert(model, arguments).export(str(file))
    return model, str(file), numbered(arguments), None


def onnx_to_litert(folder: Path) -> Any:
    """File against file, from one module."""
    _, lite, inputs, _ = to_litert(folder)
    _, graph, _, _ = exported(hifigan, dynamo=False)(folder)
    return graph, lite, inputs, None


def encodec_in_mlx(part: str) -> Callable[[Path], Any]:
    """transformers' EnCodec against mlx-audio's, on the same weights."""

    def make(_folder: Path) -> Any:
        import dataclasses

        import mlx.core as mx
        from mlx_audio.codec.models.encodec import encodec as theirs

        model, (x,) = encodec(part)
        names = {field.name for field in dataclasses.fields(theirs.EncodecConfig)}
        config = theirs.EncodecConfig(
            **{name: value for name, value in encodec_config().to_dict().items() if name in names}
        )
        port = (theirs.EncodecEncoder if part == "encoder" else theirs.EncodecDecoder)(config)
        port.load_weights(
            [(name, mx.array(array)) for name, array in in_mlx_layout(model)], strict=True
        )
        port.eval()
        return (
            model,
            port,
            {"input": x.numpy()},
            {"input": np.ascontiguousarray(x.numpy().swapaxes(1, 2))},
        )

    return make


def in_mlx_layout(model: Any) -> Iterator[tuple[str, Any]]:
    """Convolutions with channels last, an LSTM's two biases as one."""
    import torch

    transposed = {
        f"{path}.weight"
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.ConvTranspose1d)
    }
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    for name, array in state.items():
        head, _, last = name.rpartition(".")
        if last.startswith("weight_") and last[-2] == "l":
            yield f"{head}.{last[-1]}.{'Wx' if 'ih' in last else 'Wh'}", array
        elif last.startswith("bias_ih"):
            yield f"{head}.{last[-1]}.bias", array + state[name.replace("_ih_", "_hh_")]
        elif not last.startswith("bias_hh"):
            order = (1, 2, 0) if name in transposed else (0, 2, 1)
            yield name, np.ascontiguousarray(array.transpose(order)) if array.ndim == 3 else array


def hifigan() -> tuple[Any, tuple[Any, ...]]:
    """A narrow generator of four stages."""
    import torch

    from auscult.families.hifigan.config import Config
    from auscult.families.hifigan.torch import build

    torch.manual_seed(0)
    return plain(
        build(Config(20, (32, 24, 16, 8, 8), (16, 16, 4, 4), upsample_rates=(8, 8, 2, 2)))
    ), (torch.randn(1, 20, 12),)


def encodec_config() -> Any:
    from transformers import EncodecConfig

    return EncodecConfig(
        hidden_size=16, num_filters=4, upsampling_ratios=[4, 2], codebook_size=16, codebook_dim=16
    )


def encodec(part: str) -> tuple[Any, tuple[Any, ...]]:
    import torch
    from transformers import EncodecModel

    torch.manual_seed(0)
    model = plain(EncodecModel(encodec_config()))
    return (
        (model.encoder, (torch.randn(1, 1, 320),))
        if part == "encoder"
        else (model.decoder, (torch.randn(1, 16, 40),))
    )


def dac() -> tuple[Any, tuple[Any, ...]]:
    import torch
    from transformers import DacConfig, DacModel

    torch.manual_seed(0)
    sizes = {
        "encoder_hidden_size": 8,
        "decoder_hidden_size": 16,
        "hidden_size": 32,
        "codebook_size": 16,
        "codebook_dim": 4,
    }
    config = DacConfig(**sizes, n_codebooks=2, downsampling_ratios=[2, 4], upsampling_ratios=[4, 2])
    return plain(DacModel(config)), (torch.randn(1, 1, 256),)


def mimi(part: str) -> tuple[Any, tuple[Any, ...]]:
    import torch
    from transformers import MimiConfig, MimiModel

    torch.manual_seed(0)
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "head_dim": 8,
        "codebook_size": 16,
        "codebook_dim": 8,
        "num_filters": 4,
    }
    layers = {
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "num_quantizers": 4,
    }
    config = MimiConfig(
        **sizes,
        **layers,
        upsampling_ratios=[4, 2],
        vector_quantization_hidden_dimension=8,
        upsample_groups=16,
    )
    model = plain(MimiModel(config))
    return (
        (model.encoder, (torch.randn(1, 1, 480),))
        if part == "encoder"
        else (model.decoder, (torch.randn(1, 16, 60),))
    )


def vits() -> tuple[Any, tuple[Any, ...]]:
    import torch
    from transformers import VitsConfig, VitsModel

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 30,
        "hidden_size": 16,
        "ffn_dim": 32,
        "flow_size": 16,
        "spectrogram_bins": 9,
    }
    layers = {
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "prior_encoder_num_flows": 1,
        "duration_predictor_num_flows": 1,
    }
    vocoder = {
        "upsample_initial_channel": 16,
        "upsample_rates": [4, 2],
        "upsample_kernel_sizes": [8, 4],
    }
    blocks = {
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3]],
        "wavenet_dilation_rate": 1,
    }
    waves = {"prior_encoder_num_wavenet_layers": 1, "posterior_encoder_num_wavenet_layers": 1}
    durations = {"duration_predictor_filter_channels": 16, "duration_predictor_flow_bins": 4}
    config = VitsConfig(**sizes, **layers, **vocoder, **blocks, **waves, **durations)
    return plain(VitsModel(config)), (torch.randint(0, 30, (1, 12)),)


def t5() -> tuple[Any, tuple[Any, ...]]:
    import torch
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    config = T5Config(
        vocab_size=40,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return plain(T5EncoderModel(config)), (torch.randint(0, 40, (1, 11)),)


def plain(model: Any) -> Any:
    """In evaluation mode, weight norms fused, as exporters want it."""
    from torch.nn.utils import parametrize, remove_weight_norm

    for module in model.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            remove_weight_norm(module)
    return model.eval()


MODELS: Mapping[str, Callable[[], tuple[Any, tuple[Any, ...]]]] = {
    "HiFi-GAN": hifigan,
    "EnCodec encoder": lambda: encodec("encoder"),
    "EnCodec decoder": lambda: encodec("decoder"),
    "DAC": dac,
    "Mimi encoder": lambda: mimi("encoder"),
    "Mimi decoder": lambda: mimi("decoder"),
    "Vits": vits,
    "T5 encoder": t5,
}
"""transformers' unless it is ours; of EnCodec and Mimi the parts around the quantizer, since neither exporter takes the whole."""
