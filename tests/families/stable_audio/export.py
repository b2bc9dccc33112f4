"""The LiteRT export of Stable Audio Open as Arm makes it, from our own modules: three files, made by litert-torch.

conditioners_float32.tflite takes ids, mask and seconds; dit_model.tflite has weights in 8 bits; autoencoder_model.tflite is
the decoder alone. Source of the form: Arm-Examples/ML-examples, kleidiai-examples/audiogen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def converter() -> Any:
    """The litert_torch package; skips the test where it is not installed."""
    for needed in ("torch", "transformers", "torchao", "litert_converter", "ai_edge_quantizer"):
        pytest.importorskip(needed)
    return pytest.importorskip("litert_torch")


def export(model: Any, text: Any, folder: Path, *, tokens: int) -> tuple[Path, Path, Path]:
    """Write the three files of a `StableAudio` and a T5 encoder of transformers.

    Args:
        tokens: Length of the prompt that the conditioners take; what is over the model's own is cut off behind T5.
    """
    import torch

    package, config = converter(), model.config

    class Conditioners(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text, self.conditioner = text, model.conditioner

        def forward(self, input_ids: Any, attention_mask: Any, seconds_total: Any) -> Any:
            words = self.text(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            kept = config.prompt_tokens
            mask = attention_mask[:, :kept]
            told = self.conditioner(words[:, :kept], mask, {"seconds_total": seconds_total})
            return told.cross, torch.cat((mask.float(), torch.ones(1, 1)), dim=1), told.globals

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = model.autoencoder.decoder

        def forward(self, latent: Any) -> Any:
            return self.decoder(latent)[0]

    paths = tuple(
        folder / name
        for name in ("conditioners_float32.tflite", "dit_model.tflite", "autoencoder_model.tflite")
    )
    words = [
        torch.ones(1, tokens, dtype=torch.int64) for _ in range(2)
    ]  # one tensor given twice would become one input
    package.convert(Conditioners().eval(), (*words, torch.ones(1))).export(str(paths[0]))
    shapes = (
        (1, config.latent, config.frames),
        (1,),
        (1, config.prompt_tokens + len(config.numbers), config.cond_dim),
        (1, config.global_dim),
    )
    wide = folder / "dit_float32.tflite"
    package.convert(model.transformer.eval(), tuple(torch.ones(shape) for shape in shapes)).export(
        str(wide)
    )
    _quantize(wide, paths[1])
    package.convert(Decoder().eval(), (torch.ones(shapes[0]),)).export(str(paths[2]))
    return paths  # type: ignore[return-value]


def _quantize(source: Path, target: Path) -> None:
    """Weights in 8 bits, everything else in floats: dynamic range."""
    from ai_edge_quantizer import quantizer, recipe

    engine = quantizer.Quantizer(str(source))
    engine.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    engine.quantize().export_model(str(target), overwrite=True)
    source.unlink()
