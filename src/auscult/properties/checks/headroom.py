"""How far the values of each layer are from the end of float16, also for a louder input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.facts.words import list_first_names
from auscult.properties.headroom import LARGEST_FLOAT16, get_peak
from auscult.properties.model import CheckedModel
from auscult.properties.records import Observation
from auscult.traces.records import Trace

QUESTION = "No value comes near the end of float16, with an input ten times as loud neither."
DEMANDED = False
LOUDER = 10.0
"""Headroom is asked for on an input so much louder. Chosen, not measured."""
MIN_PEAK = float(np.finfo(np.float32).tiny)
"""Keeps the headroom of silence finite. Defined by float32."""
MAX_SHOWN_LAYERS = 3
"""Layers named in one sentence. Chosen, not measured."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """How far the values of each layer are from the end of float16, also for a louder input."""
    main = model.inputs[model.layout.main]
    louder = model.base.trace
    if main.dtype.kind in "fV":
        louder = model.run_alike(
            {**model.inputs, model.layout.main: (main * LOUDER).astype(main.dtype)}, is_full=True
        ).trace
    peaks = _collect_peaks(model.base.trace, louder)
    near = {path: pair for path, pair in peaks.items() if max(pair) * LOUDER > LARGEST_FLOAT16}
    over = {path: pair for path, pair in near.items() if max(pair) > LARGEST_FLOAT16}
    highest = max(peaks, key=lambda path: max(peaks[path]))
    headroom = LARGEST_FLOAT16 / max(*peaks[highest], MIN_PEAK)
    evidence = {
        "headroom": headroom,
        "layers": [
            {"path": path or "(model)", "peak": pair[0], "peak_louder": pair[1]}
            for path, pair in sorted(near.items(), key=lambda item: -max(item[1]))
        ],
    }
    if not over:
        yield Observation(
            "measured",
            f"largest value {max(peaks[highest]):.3g} in {highest or '(model)'}, with an input {LOUDER:g} times as loud too:"
            f" {headroom:.3g} times below the end of float16",
            evidence=evidence,
        )
        return
    places = tuple(path or "(model)" for path in over)
    yield Observation(
        "changed",
        f"{list_first_names(places, MAX_SHOWN_LAYERS)} reach{'' if len(places) > 1 else 'es'} beyond float16 (65504) with this input"
        f" or one {LOUDER:g} times as loud",
        "half-headroom",
        places,
        evidence,
        "keep these layers in float32 or bfloat16",
        is_warning=True,
    )


def _collect_peaks(base: Trace, louder: Trace) -> dict[str, tuple[float, float]]:
    """The largest magnitude of each module's floating outputs, on the input as it is and on the louder one."""
    peaks: dict[str, tuple[float, float]] = {}
    for trace, number in ((base, 0), (louder, 1)):
        for record in trace.records:
            if record.role.startswith("output") and np.dtype(record.dtype).kind == "f":
                pair = list(peaks.get(record.path, (0.0, 0.0)))
                pair[number] = max(pair[number], get_peak(record))
                peaks[record.path] = (pair[0], pair[1])
    return peaks
