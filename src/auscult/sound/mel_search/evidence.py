"""What a search looks at: some frames of the mel, and how well a definition explains them.

The score forgets what a regression can find afterwards. The logarithm of the definition's bands is
set against the mel with every band's mean taken off, and one slope is fitted. So the area of the
filters, the kind of logarithm, gain and normalisation play no part, and the search is one over the
transform and the shape of the filters alone.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from time import process_time

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.mel import (
    count_frame_samples,
    count_padding,
    mel_filterbank,
    pre_emphasise,
    shape_frames,
)
from auscult.sound.mel_definition import MelDefinition, Samples
from auscult.sound.recording import Recording

MelValues = NDArray[np.float64]

MAX_SEARCH_SECONDS = 8.0
"""Processor time after which no further definitions are tried: the best so far is the answer, and the
rest of the work takes a few seconds more. Chosen, not measured."""
MAX_FRAMES = 160
"""Frames that are looked at, of those with sound. Chosen, not measured."""
EDGE_SECONDS = 0.15
"""Frames nearer to the ends depend on the padding, and are left to the last step.

Chosen, not measured.
"""
CACHED_SPECTRA = 48
"""Spectra that are remembered. Chosen, not measured."""
SURE_OF_RANGE, MIN_SHARE_SURE = 0.4, 0.1
"""Share of the range above which no floor is felt, and share of the values that must lie there for
a search to begin with them alone.

Chosen, not measured.
"""
FLOOR_TOLERANCE = 1e-6
"""Of the range: values so near to the lowest one lie on it. Chosen, not measured."""
NEAR_FLOOR_SHARE = 1e-4
"""Of the range: values so near to the lowest one may lie on a floor that rounding has blurred.

Chosen, not measured.
"""
MIN_SHARE_AT_FLOOR = 0.003
"""Share of the values near the lowest one, above which there is a floor. Chosen, not measured."""
MIN_CLEAR_SHARE = 0.2
"""Share of a frame's values that have to be clear of a floor for the frame to count as sounding.

Chosen, not measured.
"""
MARGIN_OVER_FLOOR = 0.12
"""Of the mel's range: values nearer to a floor than this feel it where it is added.

Chosen, not measured.
"""
MAX_SHARE_OF_UNFLOORED = 0.3
"""A constant under the logarithm is believed when it leaves at most this share of what is
unexplained without it.

Chosen, not measured.
"""
MIN_SHARE_OF_PEAK = 3e-5
"""Of the frame's greatest magnitude: what is below was rounded away by transforms in float32,
differently by each.

Chosen, not measured.
"""
MIN_TRUSTED_SHARE = 0.2
"""Share of the values that has to be left where rounded ones are no longer looked at.

Chosen, not measured.
"""


class MelEvidence:
    """A mel and the sound it was made of.

    Args:
        mel: float64 [n_mels, frames].
        is_log: Whether the values are logarithms; else their own logarithm is looked at.
        band_norm: What was done to each band by itself, as `MelDefinition.band_norm` says: where it was
            divided by its deviation, each has a slope of its own.
    """

    def __init__(
        self,
        recording: Recording,
        mel: MelValues,
        *,
        is_log: bool,
        band_norm: str = "none",
    ) -> None:
        self.recording, self.mel, self.is_log = recording, mel, is_log
        self.band_norm = band_norm
        self.deadline = process_time() + MAX_SEARCH_SECONDS
        self.evaluations = 0
        self.added_floor: tuple[str, float] | None = None
        self._samples_by_rate: dict[int, Samples] = {}
        self._cached_spectra: OrderedDict[tuple[object, ...], MelValues] = OrderedDict()
        self._choose_frames()

    def _choose_frames(self) -> None:
        """Pick frames with sound, away from the ends, and the values in them that are clear of a
        floor.
        """
        if self.is_log:
            levels = self.mel
        else:
            levels = np.log(np.maximum(self.mel, self.mel.max() * 1e-12))
        axis = None if self.band_norm == "none" else 1  # each band has a floor of its own
        low, high = levels.min(axis=axis, keepdims=True), levels.max(axis=axis, keepdims=True)
        span = high - low
        is_at_floor = levels <= low + FLOOR_TOLERANCE * span
        is_crowded = bool((levels <= low + NEAR_FLOOR_SHARE * span).mean() > MIN_SHARE_AT_FLOOR)
        self.has_floor = is_crowded or bool(is_at_floor.sum() > 1)
        if is_crowded:
            is_clear = levels > low + MARGIN_OVER_FLOOR * span
        else:
            is_clear = ~is_at_floor
        frames = self.mel.shape[1]
        edge = min(int(np.ceil(EDGE_SECONDS / self.recording.seconds * frames)), frames // 4)
        inner_frames = np.arange(edge, frames - edge)
        sounding_frames = inner_frames[is_clear[:, inner_frames].mean(axis=0) > MIN_CLEAR_SHARE]
        if len(sounding_frames) >= min(8, len(inner_frames)):
            inner_frames = sounding_frames
        self.frame_indices = inner_frames[
            np.unique(
                np.linspace(0, len(inner_frames) - 1, min(MAX_FRAMES, len(inner_frames))).astype(
                    int
                )
            )
        ]
        self.levels = levels[:, self.frame_indices]
        if self.has_floor:
            self._above_floor = levels[:, self.frame_indices] > low + NEAR_FLOOR_SHARE * (
                high - low
            )
        else:
            self._above_floor = np.ones_like(self.levels, bool)
        self._clear_of_floor = is_clear[:, self.frame_indices]
        is_high = self._clear_of_floor & (self.levels > low + SURE_OF_RANGE * span)
        self.is_narrow = bool(is_high.mean() > MIN_SHARE_SURE)
        self._set_mask(is_high if self.is_narrow else self._clear_of_floor)

    @property
    def is_out_of_time(self) -> bool:
        """Whether the search has taken all the time that it may."""
        return process_time() > self.deadline

    def widen(self) -> None:
        """Look at all that is clear of a floor, and no longer at the loud values alone."""
        self.is_narrow = False
        self._set_mask(self._clear_of_floor)

    def _set_mask(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask.astype(np.float64)
        self._band_counts = np.maximum(self.mask.sum(axis=1, keepdims=True), 1.0)
        self._centred_levels = self._centre_levels(self.levels)
        self._energy = float(np.square(self._centred_levels).sum())
        if self._energy <= 0:
            raise AudioError(
                "the mel does not move, so nothing can be told from it",
                hint="give the mel of a sound that changes",
            )

    def add_floor(self, definition: MelDefinition, usual: float) -> bool:
        """Find out whether a constant was added to the bands before the logarithm, and reckon with
        it from then on.

        Args:
            usual: What is unexplained without.
        """
        mask = self.mask
        best_score, best_floor = usual, None
        self._set_mask(self._above_floor)
        for norm in ("slaney", "none"):
            for exponent in np.arange(-14.0, 1.0, 1 / 3):
                self.added_floor = (norm, 10.0**exponent)
                score = self.unexplained(definition)
                if score < best_score:
                    best_score, best_floor = score, self.added_floor
        if best_floor is None or best_score > MAX_SHARE_OF_UNFLOORED * usual:
            self.added_floor = None
            self._set_mask(mask > 0)
            return False
        self.added_floor = (best_floor[0], self._refine_constant(definition, best_floor))
        return True

    def refine_floor(self, definition: MelDefinition) -> None:
        """Measure the constant that is reckoned with anew."""
        if self.added_floor is not None:
            norm = self.added_floor[0]
            self.added_floor = (norm, self._refine_constant(definition, self.added_floor))

    def _refine_constant(self, definition: MelDefinition, start: tuple[str, float]) -> float:
        from scipy.optimize import minimize_scalar

        def score_exponent(exponent: float) -> float:
            self.added_floor = (start[0], 10.0**exponent)
            return self.unexplained(definition)

        middle = float(np.log10(start[1]))
        optimum = minimize_scalar(
            score_exponent,
            bounds=(middle - 0.35, middle + 0.35),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return float(10.0**optimum.x)

    def mask_rounded_values(self, definition: MelDefinition) -> None:
        """Look away from what rounding has blurred, as far as the bands of this definition tell;
        scores change with it.
        """
        peak = self.power(definition).max(axis=0, keepdims=True)
        is_trusted = self.compute_bands(replace(definition, power=2)) >= peak * MIN_SHARE_OF_PEAK**2
        mask = (self.mask > 0) & is_trusted
        if mask.sum() > MIN_TRUSTED_SHARE * self.mask.sum():
            self._set_mask(mask)

    def _centre_levels(self, levels: MelValues) -> MelValues:
        mean = (levels * self.mask).sum(axis=1, keepdims=True) / self._band_counts
        return np.asarray((levels - mean) * self.mask)

    def samples(self, sample_rate: int) -> Samples:
        """The sound at that rate, [time]."""
        if sample_rate not in self._samples_by_rate:
            self._samples_by_rate[sample_rate] = self.recording.resample(sample_rate).mono
        return self._samples_by_rate[sample_rate]

    def power(self, definition: MelDefinition) -> MelValues:
        """Power spectrum of the chosen frames, [n_fft // 2 + 1, frames]; the last few are
        remembered.
        """
        d = definition
        framing = (d.framing, d.pre_emphasis)
        key = (d.sample_rate, d.n_fft, d.win, d.window, d.hop, count_padding(d), framing)
        if key not in self._cached_spectra:
            self._cached_spectra[key] = self._compute_power(d)
            if len(self._cached_spectra) > CACHED_SPECTRA:
                self._cached_spectra.popitem(last=False)
        self._cached_spectra.move_to_end(key)
        return self._cached_spectra[key]

    def _compute_power(self, d: MelDefinition) -> MelValues:
        from scipy import fft

        samples = self.samples(d.sample_rate)
        if d.framing == "plain":
            samples = np.asarray(pre_emphasise(samples, d.pre_emphasis), np.float32)
        side, length = count_padding(d), count_frame_samples(d)
        starts = self.frame_indices * d.hop - side
        before, after = (
            max(-int(starts.min()), 0),
            max(int(starts.max()) + length - len(samples), 0),
        )
        mode = "reflect" if max(before, after) < len(samples) else "constant"
        padded = np.pad(samples, (before, after), mode=mode)  # type: ignore[call-overload]
        frames = shape_frames(padded[(starts + before)[:, None] + np.arange(length)], d)
        return np.asarray(np.square(np.abs(fft.rfft(frames, d.n_fft, axis=1))).T)

    def compute_bands(self, definition: MelDefinition, norm: str = "none") -> MelValues:
        """Magnitudes or powers of the filters, of one peak by default, [n_mels, frames]."""
        power = self.power(definition)
        filters = mel_filterbank(replace(definition, norm=norm))  # type: ignore[arg-type]
        return np.asarray(
            filters @ (power if definition.power == 2 else np.sqrt(power + definition.inside_root))
        )

    def unexplained(self, definition: MelDefinition) -> float:
        """Share of the mel's movement that the definition does not explain: 0 is all explained, 1
        nothing.
        """
        self.evaluations += 1
        if self.added_floor:
            bands = self.compute_bands(definition, self.added_floor[0]) + self.added_floor[1]
        else:
            bands = self.compute_bands(definition)
        ceiling = float(bands.max(initial=0.0))
        if ceiling <= 0:
            return 1.0
        centred = self._centre_levels(np.log(np.maximum(bands, ceiling * 1e-16)).astype(np.float64))
        axis = 1 if self.band_norm.startswith("mean-std") else None
        candidate_energy = np.square(centred).sum(axis=axis, keepdims=True)
        shared_energy = (centred * self._centred_levels).sum(axis=axis, keepdims=True)
        if candidate_energy.max() <= 0 or shared_energy.max() <= 0:
            return 1.0
        slope = shared_energy / np.maximum(candidate_energy, np.finfo(np.float64).tiny)
        residual = self._centred_levels - slope * centred  # not 1 - r²: that cancels below 1e-8
        return float(np.square(residual).sum() / self._energy)
