"""Tensors of one side change nothing although they are no buffers that code computes.

**What it finds.** Averages that a quantiser keeps beside its codebook while it is trained (`embed_avg`,
`cluster_size`), or a codebook as sums and counts; flags such as `initialized`; the embedding that hides
frames in training (`masked_spec_embed`); a norm's gain of ones and bias of zeros; an LSTM's second
bias where it is zero and the other one is matched; feature statistics
of mean 0 and scale 1; lists of whole numbers (int64) that the candidate alone has; the length of weight norm's v; tables that a formula gives, under any name.

**What you hear.** Nothing. A loader with `strict=True` may raise.

**Why it happens.** A port keeps what a run needs. An export fuses weight norm and splits it again, so
that v has another length.

**Blind spots.** A norm's gain of ones and bias of zeros say nothing of the norm itself, which the other
side has to compute too. Flags and the embedding for training are recognised by name.

**How it is measured.** Averages, lengths and directions by value, within 1e-5. Tables as for
`derived-buffer`. Averages count only where their codebook is matched.

**Example.** The reference was saved in training, the port holds the codebook alone:

    vq.layers.0._codebook.{embed,embed_avg,cluster_size}  # reference
    vq.layers.0.codebook.weight  # port

**Fix.** None is needed. Safety: safe.

**References.** facebookresearch/encodec, EuclideanCodebook; torch.nn.utils.parametrizations.weight_norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from auscult.finding import Finding
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.harmless import build_harmless_finding
from auscult.rules.diff.evidence.redundant import (
    RedundantKind,
    classify_redundant_tensor,
    is_redundant_difference,
)
from auscult.rules.diff.subject import ROLES, SIDE_KEYS, ClaimedPlace, DiffSubject

CODE = "CKP018"
NAME = "redundant"
REQUIRES = DiffSubject
PRECEDENCE = 18
BENIGN = True
PlaceKind = RedundantKind | Literal["same"]
DESCRIPTIONS: Mapping[PlaceKind, tuple[str, str]] = {
    "flag": ("flag", "that says whether a quantiser has begun"),
    "training": ("embedding", "that hides frames in training"),
    "average": ("tensor", "of a codebook's sums and counts, of which it is the average"),
    "identity": (
        "tensor",
        "of norms, gains of one and biases of zero: the other side has to compute the norm itself",
    ),
    "statistics": ("tensor", "of feature statistics with mean 0 and scale 1"),
    "recurrent": ("bias", "of an LSTM, of zeros: the other one is the sum"),
    "index": ("tensor", "of whole numbers, which no training changes"),
    "table": ("table", "that a formula gives"),
    "same": ("pair", "that means the same: a longer table, or a v of another length"),
}
"""Noun and what is said of it, for each kind of tensor that changes nothing."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for role in ROLES:
        for name in items.unmatched_names(role):
            kind = classify_redundant_tensor(subject, role, name)
            if kind is not None:
                yield ClaimedPlace((name,), None, {"side": SIDE_KEYS[role], "kind": kind})
    for match in items.unequal_matches:
        if is_redundant_difference(subject, match):
            yield ClaimedPlace(match.b, match, {"side": "both", "kind": "same"})


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield build_harmless_finding(CODE, NAME, places, DESCRIPTIONS, rank=96)
