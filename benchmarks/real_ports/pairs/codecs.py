"""Neural codecs: the original package or transformers against mlx-audio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Fault, Pair, Sides
from benchmarks.real_ports.weights import (
    draw_normal,
    fuse_weight_norms,
    load_mlx,
    number_inputs,
    randomise,
    read_state,
    rename,
)


def split_snac(part: str) -> Callable[[Path], Sides]:
    """Encoder or decoder: the original against mlx-audio, whose whole model does not run (it hands its decoder the wrong axes)."""

    def make(_folder: Path) -> Sides:
        model, port = _build_snac()
        x = draw_normal(1, 1, 240) if part == "encoder" else draw_normal(1, 64, 30)
        turned = number_inputs(x.swapaxes(1, 2).copy())
        order = (0, 1, 2) if part == "encoder" else (0, 2, 1)
        return Sides(getattr(model, part), getattr(port, part), number_inputs(x), turned, order)

    return make


def _build_snac() -> tuple[Any, Any]:
    """Both models, without noise blocks (each draws its own)."""
    import snac
    from mlx_audio.codec.models import snac as port_package

    sizes: dict[str, Any] = {
        "encoder_dim": 16,
        "encoder_rates": [2, 2],
        "decoder_dim": 64,
        "decoder_rates": [2, 2],
        "attn_window_size": None,
        "codebook_size": 16,
        "codebook_dim": 4,
        "vq_strides": [2, 1],
        "noise": False,
        "depthwise": False,
    }
    model = randomise(snac.SNAC(**sizes))
    state = rename(
        _order_as_snac(read_state(model, layout="mlx")),
        {
            "parametrizations.weight.original0": "weight_g",
            "parametrizations.weight.original1": "weight_v",
            ".block.": ".block.layers.",
            ".model.": ".model.layers.",
        },
    )
    return model, load_mlx(port_package.SNAC(**sizes), state, ignore=("inv_freq", "scale"))


def _order_as_snac(state: dict[str, Any]) -> dict[str, Any]:
    """The port keeps transposed convolutions as [in, kernel, out], and Snake's alpha as torch does."""
    return {
        name: array.transpose(2, 1, 0)
        if ".block.1.parametrizations" in name
        and name.startswith("decoder")
        and name.count(".") == 7
        else array
        for name, array in state.items()
    }


def descript(_folder: Path) -> Sides:
    """The original against mlx-audio."""
    from dac.model import dac as package
    from mlx_audio.codec.models import descript as port_package

    sizes: dict[str, Any] = {
        "encoder_dim": 8,
        "encoder_rates": [2, 4],
        "latent_dim": 16,
        "decoder_dim": 32,
        "decoder_rates": [4, 2],
        "n_codebooks": 2,
        "codebook_size": 16,
        "codebook_dim": 4,
    }
    model = randomise(package.DAC(**sizes))
    state = rename(
        read_state(model, layout="mlx"), {".block.": ".block.layers.", ".model.": ".model.layers."}
    )
    state = {
        name: array.swapaxes(1, 2) if name.endswith("alpha") else array
        for name, array in state.items()
    }
    port = load_mlx(port_package.DAC(**sizes), state)
    return Sides(model, port, number_inputs(draw_normal(1, 1, 256)))


def vocos(_folder: Path) -> Sides:
    """Backbone and head: the original against mlx-audio, whose head pads by the middle and not by `same`."""
    import mlx.nn
    import torch
    from mlx_audio.codec.models.vocos import vocos as port_package
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    class Reference(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = VocosBackbone(10, 16, 32, 2)
            self.head = ISTFTHead(16, 16, 4, padding="center")

        def forward(self, mel: Any) -> Any:
            return self.head(self.backbone(mel))

    class Port(mlx.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = port_package.VocosBackbone(10, 16, 32, 2)
            self.head = port_package.ISTFTHead(16, 16, 4)

        def __call__(self, mel: Any) -> Any:
            return self.head(self.backbone(mel))

    model = randomise(Reference())
    port = load_mlx(Port(), read_state(model, layout="mlx"), ignore=("istft.window",))
    return Sides(model, port, number_inputs(draw_normal(1, 10, 12)))


def encodec(part: str) -> Callable[[Path], Sides]:
    """Encoder or decoder: transformers against mlx-audio, whose LSTM has one bias."""

    def make(_folder: Path) -> Sides:
        import dataclasses

        from mlx_audio.codec.models.encodec import encodec as theirs
        from transformers import EncodecConfig, EncodecModel

        config = EncodecConfig(
            hidden_size=16,
            num_filters=4,
            upsampling_ratios=[4, 2],
            codebook_size=16,
            codebook_dim=16,
        )
        whole = randomise(fuse_weight_norms(EncodecModel(config)))
        model = getattr(whole, part)
        names = {field.name for field in dataclasses.fields(theirs.EncodecConfig)}
        settings = {name: value for name, value in config.to_dict().items() if name in names}
        kind = theirs.EncodecEncoder if part == "encoder" else theirs.EncodecDecoder
        port = load_mlx(kind(theirs.EncodecConfig(**settings)), _join_lstm_biases(model))
        x = draw_normal(1, 1, 320) if part == "encoder" else draw_normal(1, 16, 40)
        turned = number_inputs(x.swapaxes(1, 2).copy())
        return Sides(model, port, number_inputs(x), turned, order=(0, 2, 1))

    return make


def _join_lstm_biases(model: Any) -> dict[str, Any]:
    """The state in mlx-audio's names: an LSTM's matrices by layer, and the sum of its two biases."""
    state = read_state(model, layout="mlx")
    joined = {}
    for name, array in state.items():
        head, _, last = name.rpartition(".")
        if last.startswith(("weight_ih_l", "weight_hh_l")):
            joined[f"{head}.{last[-1]}.{'Wx' if 'ih' in last else 'Wh'}"] = array
        elif last.startswith("bias_ih_l"):
            joined[f"{head}.{last[-1]}.bias"] = array + state[name.replace("_ih_", "_hh_")]
        elif not last.startswith("bias_hh_l"):
            joined[name] = array
    return joined


PAIRS = [
    Pair(
        "SNAC's encoder: snac against mlx-audio",
        split_snac("encoder"),
        needs=("snac", "mlx-audio", "einops"),
    ),
    Pair(
        "SNAC's decoder: snac against mlx-audio",
        split_snac("decoder"),
        (Fault((r"model\.[12]\.block\.1",), ("stride-padding",)),),
        "the port's transposed convolutions give one sample more: it hands `groups` over as `output_padding`",
        needs=("snac", "mlx-audio", "einops"),
    ),
    Pair(
        "DAC: descript-audio-codec against mlx-audio",
        descript,
        needs=("descript-audio-codec", "mlx-audio", "einops"),
    ),
    Pair(
        "EnCodec's encoder: transformers against mlx-audio",
        encodec("encoder"),
        needs=("mlx-audio",),
    ),
    Pair(
        "EnCodec's decoder: transformers against mlx-audio",
        encodec("decoder"),
        needs=("mlx-audio",),
    ),
    Pair(
        "Vocos: vocos against mlx-audio",
        vocos,
        (Fault(("head",), ("istft-window", "istft-normalisation")),),
        "the backbones' outputs are equal; the port's head takes a symmetric window and divides by its sum, not by its square's",
        needs=("vocos", "mlx-audio", "einops"),
    ),
]
