"""auscult's own codec: convolutions with Snake around a residual vector quantiser."""

from __future__ import annotations

ANCHORS = (
    "quantizer.books.0.codes",
    "quantizer.books.1.codes",
    "encoder.stages.0.conv.weight",
    "decoder.stages.0.conv.weight",
    "encoder.last.weight",
    "decoder.first.weight",
)
