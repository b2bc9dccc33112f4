"""One codec in one process: `python -m benchmarks.codec_steps NAME QUICK` prints steps per second, memory and real-time factor.

Both sides of a pair have the same layers, sizes, batch, segment, loss and optimiser; the quantisers have the same books.
EnCodec's LSTM is left out on both sides, since ours has none.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

RATE, BATCH = 16000, 2
STRIDES, FILTERS = (2, 4, 5, 8), 16
WIDTHS = tuple(FILTERS * 2**stage for stage in range(len(STRIDES) + 1))

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]


def build_ours(*, dac: bool) -> tuple[nn.Module, Forward]:
    from auscult.families.codec.config import Config
    from auscult.families.codec.torch import build

    shape: dict[str, Any] = {
        "units": 3,
        "kernel": 7,
        "activation": "snake",
        "end": "tanh",
        "code_dim": 8,
        "causal": False,
    }
    if not dac:
        shape = {
            "units": 1,
            "kernel": 3,
            "activation": "elu",
            "end": "none",
            "code_dim": 0,
            "causal": True,
            "dilations": (1,),
        }
    config = Config(
        widths=WIDTHS,
        strides=STRIDES,
        core=0,
        latent=WIDTHS[-1],
        books=8,
        delay=0,
        average=0.0,
        **shape,
    )
    codec = build(config, "weight-norm-new")

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        output, quantized = codec(x)
        return output, quantized.distance.mean()

    return codec, forward


def build_dac() -> tuple[nn.Module, Forward]:
    from transformers import DacConfig, DacModel

    sizes = {
        "encoder_hidden_size": FILTERS,
        "decoder_hidden_size": WIDTHS[-1],
        "hidden_size": WIDTHS[-1],
    }
    ratios = {"downsampling_ratios": list(STRIDES), "upsampling_ratios": list(STRIDES[::-1])}
    model = DacModel(
        DacConfig(
            n_codebooks=8, codebook_size=1024, codebook_dim=8, sampling_rate=RATE, **sizes, **ratios
        )
    )
    model.apply_weight_norm()

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        result = model(x)
        return result.audio_values.reshape(len(x), 1, -1), result.loss.mean()

    return model, forward


def build_encodec() -> tuple[nn.Module, Forward]:
    from transformers import EncodecConfig, EncodecModel
    from transformers.models.encodec import modeling_encodec

    modeling_encodec.EncodecLSTM = lambda *_: nn.Identity()
    frames = RATE / 320
    config = EncodecConfig(
        sampling_rate=RATE,
        num_filters=FILTERS,
        hidden_size=WIDTHS[-1],
        upsampling_ratios=list(STRIDES[::-1]),
        compress=1,
        use_conv_shortcut=False,
        codebook_size=1024,
        target_bandwidths=[8 * 10 * frames / 1000],
    )
    model = EncodecModel(config)

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        latent = model.encoder(x)
        codes = model.quantizer.encode(latent, config.target_bandwidths[0])
        values = model.quantizer.decode(codes)
        output = model.decoder(latent + (values - latent).detach())
        return output, (latent - values.detach()).square().mean()

    return model, forward


MAKERS: dict[str, Callable[[], tuple[nn.Module, Forward]]] = {
    "auscult as DAC": lambda: build_ours(dac=True),
    "transformers DAC": build_dac,
    "auscult as EnCodec": lambda: build_ours(dac=False),
    "transformers EnCodec": build_encodec,
}


def measure_codec(name: str, *, quick: bool) -> dict[str, float]:
    """Best of several steps and of several encodings and decodings: processor seconds, which other programs do not count in."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, forward = MAKERS[name]()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    x = 0.1 * torch.randn(BATCH, 1, RATE)
    steps, times = (4, 2) if quick else (12, 4), []
    for _ in range(steps[0]):
        started = time.process_time()
        output, commitment = forward(x)
        length = min(output.shape[-1], x.shape[-1])
        loss = (output[..., :length] - x[..., :length]).abs().mean() + commitment
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        times.append(time.process_time() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    model.eval()
    spent_seconds = []
    with torch.inference_mode():
        for _ in range(steps[1]):
            started = time.process_time()
            forward(x)
            spent_seconds.append(time.process_time() - started)
    values = sum(parameter.numel() for parameter in model.parameters())
    return {
        "steps": 1 / min(times),
        "memory": peak,
        "real_time": min(spent_seconds) / BATCH,
        "values": values,
    }


if __name__ == "__main__":
    print(json.dumps(measure_codec(sys.argv[1], quick=sys.argv[2] == "1")))
