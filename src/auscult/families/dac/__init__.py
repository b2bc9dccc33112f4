"""DAC, the Descript audio codec (Kumar et al. 2023), under its own names or those of transformers."""

from __future__ import annotations

ANCHORS = (
    "encoder.block.0.weight",
    "encoder.block.1.block.0.block.1.weight",
    "decoder.model.0.weight",
    "decoder.model.1.block.1.weight",
    "quantizer.quantizers.0.in_proj.weight",
    "quantizer.quantizers.0.codebook.weight",
    "quantizer.quantizers.1.out_proj.weight",
    "encoder.block.0.res_unit1.conv1.weight",
)
