"""Buffers that code computes anew are on one side only.

**What it finds.** `num_batches_tracked`, STFT windows, rotary `inv_freq`, positional tables, mel
filter banks, anti-aliasing filters and fixed noise tables that one side stores and the other does
not; in ONNX, LiteRT and Core ML graphs also the constants that tell operators what to do (axes,
shapes, paddings, exponents, the scales of quantised weights).

**What you hear.** Nothing, as long as the code computes the same values. `load_state_dict` with
`strict=True` raises all the same, after it has copied the rest.

**Why it happens.** `register_buffer(persistent=False)` on one side; MLX has no counter in its
BatchNorm.

**Blind spots.** Recognised by name. A window or filter of another definition is a fault that only a
run shows.

**How it is measured.** By name; a graph's constants by the operator that takes them. No threshold.

**Example.** The reference stores a window that the port computes anew:

    self.register_buffer("stft_window", torch.hann_window(16))  # in the file
    self.register_buffer("stft_window", torch.hann_window(16), persistent=False)  # not in the file

**Fix.** Drop them, or load with `strict=False` once everything else is accounted for. Safety: safe.

**References.** torch.nn.BatchNorm1d; 122 such counters are dropped by mlx-audio's S3Gen port.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.names import is_derived, is_operator_parameter
from auscult.rules.diff.subject import ROLES, SIDE_KEYS, ClaimedPlace, DiffSubject

CODE = "CKP016"
NAME = "derived-buffer"
REQUIRES = DiffSubject
PRECEDENCE = 120
BENIGN = True


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for role in ROLES:
        for name in items.unmatched_names(role):
            is_operator = is_operator_parameter(subject.checkpoint(role), name)
            if is_operator or is_derived(name):
                evidence = {"side": SIDE_KEYS[role], "operator": is_operator}
                yield ClaimedPlace((name,), None, evidence)
    for match in items.unequal_matches:
        if len(match.a) == len(match.b) == 1 and match.b[0].endswith("num_batches_tracked"):
            yield ClaimedPlace(match.b, match, {"side": "both"})


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    operator_count = sum(bool(place.evidence.get("operator")) for place in places)
    message_parts = []
    if operator_count:
        message_parts.append(
            f"{format_count(operator_count, 'constant')} of the graph's operators (axes, shapes, scales), which are no weights"
        )
    if operator_count < len(places):
        buffers_text = format_count(len(places) - operator_count, "buffer")
        message_parts.append(
            f"{buffers_text} that the model counts or computes anew, on one side only or with another count"
        )
    yield Finding(
        CODE,
        NAME,
        Severity.INFO,
        names,
        "; ".join(message_parts),
        evidence={
            side: sum(place.evidence["side"] == side for place in places)
            for side in ("a", "b", "both")
        }
        | {"operators": operator_count},
        fix=Fix("safe", "drop them; the code makes its own"),
        rank=95,
    )
