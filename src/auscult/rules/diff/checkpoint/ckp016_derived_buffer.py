"""Buffers that code computes anew are on one side only.

**What it finds.** Flags and counters of a training (`num_batches_tracked`, `initted`, `step`), STFT
windows, rotary `inv_freq`, positional tables, mel filter banks, anti-aliasing filters and fixed
noise tables that one side stores and the other does not, and counters with another count. In graphs (ONNX, LiteRT, Core ML) also the constants that tell operators what to do (axes,
shapes, paddings, exponents, initial states of zeros, the scales of quantised weights), constants
that repeat a bias or a part of it, and biases of zeros on the other side, which exporters leave out. Tensors of code without any element.

**What you hear.** Nothing, as long as the code computes the same values. `load_state_dict` with
`strict=True` raises all the same, after it has copied the rest.

**Why it happens.** `register_buffer(persistent=False)` on one side; MLX has no counter in its
BatchNorm.

**Blind spots.** Recognised by name, a counter also by its whole number. A window or filter of another definition is a fault that only a
run shows. A single learnt number of a graph that the other side never had is taken for a constant.

**How it is measured.** By name. A graph's constants by the operator that takes them: never what an
operator takes as its matrix or filter, nor a bias that is not zero. Tables by a formula: along one
axis x[t+1] + x[t-1] = c x[t] + d within 68 last places and half of one for each value, which sines,
windows and ramps follow and trained values miss by a factor over 300.

**Example.** The reference stores a window that the port computes anew:

    self.register_buffer("stft_window", torch.hann_window(16))  # in the file
    self.register_buffer("stft_window", torch.hann_window(16), persistent=False)  # not in the file

**Fix.** Drop them, or load with `strict=False` once everything else is accounted for. Safety: safe.

**References.** torch.nn.BatchNorm1d; 122 such counters are dropped by mlx-audio's S3Gen port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auscult.align.records import Match
from auscult.finding import Finding, Fix
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.harmless import build_harmless_finding
from auscult.rules.diff.evidence.idle import IdleKind, IdleTensors
from auscult.rules.diff.evidence.names import is_bookkeeping
from auscult.rules.diff.subject import ROLES, SIDE_KEYS, ClaimedPlace, DiffSubject

CODE = "CKP016"
NAME = "derived-buffer"
REQUIRES = DiffSubject
PRECEDENCE = 120
BENIGN = True
DESCRIPTIONS: Mapping[IdleKind, tuple[str, str]] = {
    "operator": (
        "constant",
        "of the graph's operators (axes, shapes, scales, states, tables), which are no weights",
    ),
    "empty": ("tensor", "without elements: a state before the first run"),
    "part": ("constant", "of the graph that repeat a bias or a part of one, computed in advance"),
    "zero-bias": ("bias", "of zeros that the exporter left out of the graph"),
    "buffer": (
        "buffer",
        "that the model counts or computes anew, on one side only or with another count",
    ),
}
"""Noun and what is said of it, for each kind of tensor that is no weight."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    idle_tensors = IdleTensors(subject)
    for role in ROLES:
        for name in items.unmatched_names(role):
            kind = idle_tensors.classify(role, name)
            if kind is not None:
                yield ClaimedPlace((name,), None, {"side": SIDE_KEYS[role], "kind": kind})
    for match in items.unequal_matches:
        if len(match.a) == len(match.b) == 1 and _is_counter_pair(subject, match):
            yield ClaimedPlace(match.b, match, {"side": "both", "kind": "buffer"})


def _is_counter_pair(subject: DiffSubject, match: Match) -> bool:
    """Whether a pair is a counter that has come to another number on each side."""
    return is_bookkeeping(subject.reference, match.a[0]) and is_bookkeeping(
        subject.candidate, match.b[0]
    )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    operator_count = sum(place.evidence["kind"] == "operator" for place in places)
    yield build_harmless_finding(
        CODE,
        NAME,
        places,
        DESCRIPTIONS,
        more_evidence={"operators": operator_count},
        fix=Fix("safe", "drop them; the code makes its own"),
        rank=95,
    )
