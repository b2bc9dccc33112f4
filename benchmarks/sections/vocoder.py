"""The vocoder of `auscult train vocoder` beside the packaged one and Griffin-Lim."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.section import BenchContext, Goal, Section

RESULT = Path(__file__).parents[1] / "vocoder_trained.json"
STOI, MEL_L1 = 0.95, 0.20


def run(bench: BenchContext) -> Section:  # noqa: ARG001
    """What `python -m benchmarks.vocoder_trained` has measured: a training is not repeated here."""
    result = json.loads(RESULT.read_text())
    trained = result["trained"]
    text = (
        f"Small Vocos (1.5 million weights) of `benchmarks/vocoder_recipe.json` after {result['step']:,} steps, on the held-out"
        " sentences of the packaged vocoder and on its mel (16 kHz, frames of 8 ms every 4 ms). Griffin-Lim inverts the same mel"
        " without a model. Measured by `python -m benchmarks.vocoder_trained`. "
        + result.get("note", "")
    )
    goals = [
        Goal("STOI", f">= {STOI}", f"{trained['stoi']:.3f}", trained["stoi"] >= STOI),
        Goal(
            "mel distance",
            f"<= {MEL_L1:.2f}",
            f"{trained['mel_l1']:.3f}",
            trained["mel_l1"] <= MEL_L1,
        ),
    ]
    rows = [
        (
            name,
            f"{result[name]['stoi']:.3f}",
            f"{result[name]['stoi_min']:.3f}",
            f"{result[name]['mel_l1']:.3f}",
            f"{result[name]['comb']:.0%}",
        )
        for name in ("trained", "packaged", "Griffin-Lim")
    ]
    header = (
        "vocoder",
        "STOI",
        "worst",
        "mel distance, nepers",
        "energy on the comb of the frames",
    )
    return Section("The vocoder", text.strip(), header, rows, goals)
