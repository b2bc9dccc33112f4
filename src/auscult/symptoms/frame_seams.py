"""A click or jump at a fixed period: the frames or chunks are not joined as they were in training."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import OFF_TRAINING

SYMPTOM = "frame-seams"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("padding-mode", "stride-padding", "istft-window", "istft-trim"),
        "every chunk is padded at its ends, so its edges are computed from zeros",
        needs="traces",
    ),
    Suspect(
        ("attention-mask", "position-offset"),
        "the state or position of the last chunk is not carried on to the next",
        needs="traces",
    ),
    Suspect(
        ("undetermined-by-weights",),
        "affine-free norms and strides cannot be seen in the weights",
        needs="reference-audio",
    ),
    OFF_TRAINING,
)
WRITING = "overlap the chunks by the receptive field and cross-fade, or carry the state on"
