"""Is the output as long as its target, and was it so before it was cut or filled up?"""

from __future__ import annotations

from torch import Tensor

from auscult.preflight_checks.checks.capture import ForwardPass, find_first_float
from auscult.preflight_checks.records import SignalLengths
from auscult.preflight_checks.setup import Setup, as_wave


def measure_lengths(setup: Setup, captured: ForwardPass) -> SignalLengths | None:
    """Lengths in samples; None where there is no target to hold the output against."""
    if setup.target is None:
        return None
    wave = as_wave(captured.wave).detach()
    decoder = captured.calls.get("decoder")
    decoded = find_first_float(decoder.result) if decoder else None
    encoder = captured.calls.get("encoder")
    target = setup.target.shape[-1]
    return SignalLengths(
        target=target,
        output=wave.shape[-1],
        decoded=_measure_wave_length(decoded, target),
        encoded=_measure_wave_length(encoder.input_tensor if encoder else None, target),
        zeros_at_end=_count_end_zeros(wave),
        hop=_find_hop(setup, captured, target),
    )


def _measure_wave_length(wave: Tensor | None, target: int) -> int | None:
    """Length of what a part took or gave, if that is a waveform at all and not frames of one."""
    if wave is None or wave.ndim < 2 or not 0.5 <= wave.shape[-1] / max(1, target) <= 2.5:
        return None
    return int(wave.shape[-1])


def _count_end_zeros(wave: Tensor) -> int:
    """How many samples at the end are exactly zero in every item."""
    alive = (wave != 0).flatten(0, -2).any(dim=0).nonzero()
    if len(alive):
        return int(wave.shape[-1] - 1 - alive[-1])
    return 0


def _find_hop(setup: Setup, captured: ForwardPass, target: int) -> int | None:
    """Samples per frame: of what goes into the quantizer or decoder, or into a vocoder."""
    for part in ("quantizer", "decoder"):
        call = captured.calls.get(part)
        if call is not None and call.input_tensor is not None and call.input_tensor.ndim == 3:
            return max(1, round(target / call.input_tensor.shape[-1]))
    source = setup.source
    if source is not None and source.ndim == 3 and source.shape[-1] * 4 <= target:
        return max(1, round(target / source.shape[-1]))
    return None
