"""Which definition made this mel? The search from nothing to an answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.facts.progress import Progress
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.band_norms import (
    detect_band_norm,
    drop_last_equal_frames,
    find_normalised_compression,
)
from auscult.sound.mel_search.compression import MelCompression, find_compression
from auscult.sound.mel_search.descent import MelDescent
from auscult.sound.mel_search.evidence import MelEvidence
from auscult.sound.mel_search.families import FAMILIES
from auscult.sound.mel_search.orientation import (
    MIN_FRAMES,
    drop_padding,
    drop_unit_axes,
    is_log_scaled,
    make_unrelated_error,
    orient_mel,
)
from auscult.sound.mel_search.starts import (
    find_rate_hop_pairs,
    guess_definition,
    has_matching_timing,
    list_front_ends,
)
from auscult.sound.mel_search.timing import FrameTiming
from auscult.sound.recording import Recording

MelValues = NDArray[np.float64]

MAX_RANGE_OF_LOG = 0.05
"""Of its greatest value: values whose range is smaller than this are logarithms.

Chosen, not measured.
"""
GOOD_ENOUGH_SHARE = 2e-4
"""Unexplained share at which other sample rates need not be tried. Chosen, not measured."""
UNRELATED_SHARE = 0.5
"""Unexplained share after the likeliest sample rates, above which it is another sound's mel.

Chosen, not measured.
"""
LIKELY_SHARE = 0.02
"""Unexplained share below which a known definition may be the one. Chosen, not measured."""
TRUSTED_SHARE = 0.1
"""Unexplained share below which a definition is near enough to say which values are blurred by
rounding.

Chosen, not measured.
"""
HOPELESS_FACTOR = 30.0
"""How many times worse than the best a sample rate may be after its first round before it is left.

Chosen, not measured.
"""
MAX_SHARE_OF_OWN_FILTERS = 0.1
"""Of what filters for the own sample rate leave: those for another rate have to leave less than
this.

Chosen, not measured.
"""


@dataclass(frozen=True, eq=False)
class SearchOutcome:
    """What the search came to.

    Attributes:
        compression: The definition with its logarithm and normalisation, and how far its mel is
            from the one given.
        unexplained: Share of the mel's movement that the transform and filters leave unexplained.
        timing: Where the frames lie.
        transposed: Whether the mel was given as [frames, bands].
        evaluations: Definitions that were tried.
        mel: The mel as [bands, frames].
    """

    compression: MelCompression
    unexplained: float
    timing: FrameTiming
    transposed: bool
    evaluations: int
    mel: MelValues

    @property
    def definition(self) -> MelDefinition:
        return self.compression.definition


def search_definition(
    recording: Recording, mel: NDArray[np.floating], *, progress: Progress | None = None
) -> SearchOutcome:
    """Find the definition of a mel spectrogram from the sound that it was made of.

    Args:
        mel: [bands, frames] or [frames, bands], with or without axes of length 1 before.

    Raises:
        AudioError: If it is no mel, holds values that are not numbers, is longer than the sound, or
            does not move with it.
    """
    values, transposed, timing = orient_mel(recording, drop_unit_axes(mel))
    band_norm = detect_band_norm(drop_last_equal_frames(values))
    if band_norm != "none":
        values = drop_last_equal_frames(values)
    unpadded_values = drop_padding(values)
    if unpadded_values.shape[1] < values.shape[1]:  # and without those that look into the padding
        values = unpadded_values[
            :, : max(unpadded_values.shape[1] - int(0.06 / timing.hop_seconds) - 1, MIN_FRAMES)
        ]
    is_log = bool(
        values.min() < 0 or np.ptp(values) < MAX_RANGE_OF_LOG * abs(values.max())
    ) or is_log_scaled(values)
    evidence = MelEvidence(recording, values, is_log=is_log, band_norm=band_norm)
    best_descent = _search_rates(evidence, timing, progress)
    if (
        not best_descent.is_solved and values.min() >= 0
    ):  # a logarithm may be positive, and a mel without one may look like one
        other_evidence = MelEvidence(recording, values, is_log=not is_log)
        rival_descent = MelDescent(other_evidence, timing, best_descent.best)
        rival_descent.run()
        if rival_descent.score < 0.5 * best_descent.score:
            evidence, best_descent = other_evidence, rival_descent
    if band_norm == "none":
        compression = find_compression(recording, values, best_descent.best, is_log=evidence.is_log)
    else:
        compression = find_normalised_compression(recording, values, best_descent.best, band_norm)
    return SearchOutcome(
        compression, best_descent.score, timing, transposed, evidence.evaluations, values
    )


def _search_rates(
    evidence: MelEvidence, timing: FrameTiming, progress: Progress | None
) -> MelDescent:
    """Known definitions first, then a descent at each sample rate whose hop would be a whole number."""
    best_descent = _try_known_definitions(evidence, timing)
    if best_descent is not None and best_descent.is_solved:
        return best_descent
    pairs = find_rate_hop_pairs(evidence.recording, timing, evidence.mel.shape[1])
    for index, (rate, hop) in enumerate(pairs):
        if progress:
            progress(index, len(pairs), f"searching at {rate} Hz, hop {hop}")
        if best_descent is not None and best_descent.score <= GOOD_ENOUGH_SHARE:
            break
        if best_descent is not None and evidence.is_out_of_time:
            break
        if index == 2 and best_descent is not None and best_descent.score > UNRELATED_SHARE:
            raise make_unrelated_error(
                f"{best_descent.score:.0%} of its movement is left unexplained by the nearest "
                "definition"
            )
        descent = _start_descent(evidence, timing, guess_definition(evidence, timing, rate, hop))
        descent.run(give_up_above=HOPELESS_FACTOR * best_descent.score if best_descent else 1.0)
        if best_descent is None or descent.score < best_descent.score:
            best_descent = _rescore_on_trusted(descent)
            best_descent.run()
    if best_descent is None:
        raise AudioError(
            "no hop in whole samples fits the mel's frames at any usual sample rate",
            found=f"{timing.hop_seconds:.5f} s",
        )
    if best_descent.score > GOOD_ENOUGH_SHARE:
        _try_other_filters(best_descent)
    if progress:
        progress(len(pairs), len(pairs), "fitting the logarithm")
    return best_descent


def _try_known_definitions(evidence: MelEvidence, timing: FrameTiming) -> MelDescent | None:
    """The best of the definitions that projects use; solved only where its details are right too."""
    known_definitions = [
        family.definition
        for family in FAMILIES.values()
        if has_matching_timing(family.definition, evidence, timing)
    ]
    front_ends = list_front_ends(evidence, timing)
    best_descent = min(
        (
            _start_descent(evidence, timing, definition)
            for definition in (*known_definitions, *front_ends)
        ),
        key=lambda descent: descent.score,
        default=None,
    )
    if best_descent is not None and LIKELY_SHARE <= best_descent.score < TRUSTED_SHARE:
        best_descent.filters()
    if best_descent is not None and best_descent.score < LIKELY_SHARE:
        _rescore_on_trusted(best_descent).pre_emphasis()
        best_descent.details()
        best_descent.widen()
        best_descent.details()
    return best_descent


def _rescore_on_trusted(descent: MelDescent) -> MelDescent:
    """The same, scored on what it says can be trusted."""
    if descent.score < TRUSTED_SHARE:
        descent.evidence.mask_rounded_values(descent.best)
        descent.update_score()
    return descent


def _start_descent(
    evidence: MelEvidence, timing: FrameTiming, definition: MelDefinition
) -> MelDescent:
    plain = replace(definition, norm="none", band_norm="none")
    return MelDescent(evidence, timing, plain)


def _try_other_filters(descent: MelDescent) -> None:
    """Filters that were made for another sample rate than that of the samples."""
    rates = [rate for rate in grid.SAMPLE_RATES if rate != descent.best.sample_rate]
    trials = []
    for rate in rates:
        trial = MelDescent(
            descent.evidence,
            descent.timing,
            replace(descent.best, filter_rate=rate, fmax=rate / 2, fmin=0.0),
        )
        edges = product(("slaney", "htk"), grid.list_upper_edges(rate))
        trial.offer_changes({"scale": scale, "fmax": high} for scale, high in edges)
        trials.append(trial)
    best = min(trials, key=lambda trial: trial.score)
    if best.score < descent.score:
        for _ in range(2):
            best.window()
            best.transform()
            best.power()
            best.details()
            best.offer_changes({"fmin": low} for low in grid.LOWEST_HZ)
    if best.score < MAX_SHARE_OF_OWN_FILTERS * descent.score:
        descent.best, descent.score = best.best, best.score
