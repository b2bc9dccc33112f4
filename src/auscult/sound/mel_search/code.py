"""A definition as code: for librosa, for torchaudio, and as the settings that vocoder configs call
by their own names.
"""

from __future__ import annotations

from auscult.sound.mel import count_padding, log_units_per_decibel, name_pad_mode
from auscult.sound.mel_definition import MelDefinition

_LIBROSA_WINDOWS = {"hann": '"hann"', "hamming": '"hamming"', "rectangular": '"boxcar"'}


def write_librosa_code(definition: MelDefinition, gain: float = 1.0) -> str:
    """Lines of Python that make the mel with librosa and numpy."""
    d = definition
    if d.framing == "kaldi":
        return _write_kaldi_code(d, gain)
    window = {
        **_LIBROSA_WINDOWS,
        "hann-symmetric": f"np.hanning({d.win})",
        "hamming-symmetric": f"np.hamming({d.win})",
        "povey": f"np.hanning({d.win}) ** 0.85",
    }[d.window]
    lines = [
        "import librosa",
        "import numpy as np",
        "",
        f'y, _ = librosa.load("sound.wav", sr={d.sample_rate})',
    ]
    lines += _write_librosa_preparation(d, gain)
    lines.append(
        f"spectrum = librosa.stft(y, n_fft={d.n_fft}, hop_length={d.hop}, win_length={d.win}, "
        f"window={window}, center=False)"
    )
    power = "np.abs(spectrum) ** 2"
    lines.append(
        f"spectrum = {power}"
        if d.power == 2
        else f"spectrum = {_write_root(d, power, 'np.abs(spectrum)', 'np.sqrt')}"
    )
    norm = '"slaney"' if d.norm == "slaney" else "None"
    lines.append(
        f"filters = librosa.filters.mel(sr={d.filter_rate or d.sample_rate}, n_fft={d.n_fft}, "
        f"n_mels={d.n_mels}, "
        f"fmin={d.fmin!r}, fmax={d.fmax!r}, htk={d.scale == 'htk'}, norm={norm})"
    )
    lines.append("mel = filters @ spectrum")
    return "\n".join([*lines, *_write_compression(d, "np")])


def _write_librosa_preparation(definition: MelDefinition, gain: float) -> list[str]:
    """Gain, pre-emphasis and padding of the samples."""
    d, lines = definition, []
    if gain != 1.0:
        lines.append(f"y = y * {gain!r}")
    if d.pre_emphasis:
        lines.append(f"y = np.append(y[:1], y[1:] - {d.pre_emphasis!r} * y[:-1])")
    side = count_padding(d)
    if side:
        lines.append(f'y = np.pad(y, {side}, mode="{name_pad_mode(d)}")')
    return lines


def _write_torch_preparation(definition: MelDefinition, gain: float) -> list[str]:
    """Gain, pre-emphasis and padding of the samples."""
    d, lines = definition, []
    if gain != 1.0:
        lines.append(f"y = y * {gain!r}")
    if d.pre_emphasis:
        lines.append(f"y = torch.cat([y[:1], y[1:] - {d.pre_emphasis!r} * y[:-1]])")
    side = count_padding(d)
    if side:
        mode = f'"{name_pad_mode(d)}"'
        lines.append(f"y = torch.nn.functional.pad(y[None], ({side}, {side}), mode={mode})[0]")
    return lines


def write_torchaudio_code(definition: MelDefinition, gain: float = 1.0) -> str:
    """Lines of Python that make the mel with torch and torchaudio."""
    d = definition
    if d.framing == "kaldi":
        return _write_kaldi_code(d, gain)
    window = {
        "hann": f"torch.hann_window({d.win})",
        "hann-symmetric": f"torch.hann_window({d.win}, periodic=False)",
        "hamming": f"torch.hamming_window({d.win})",
        "hamming-symmetric": f"torch.hamming_window({d.win}, periodic=False)",
        "povey": f"torch.hann_window({d.win}, periodic=False) ** 0.85",
        "rectangular": f"torch.ones({d.win})",
    }[d.window]
    lines = ["import torch", "import torchaudio", "", 'y, rate = torchaudio.load("sound.wav")']
    lines.append(f"y = torchaudio.functional.resample(y.mean(0), rate, {d.sample_rate})")
    lines += _write_torch_preparation(d, gain)
    lines.append(f"window = {window}")
    lines.append(
        f"spectrum = torch.stft(y, {d.n_fft}, {d.hop}, {d.win}, window=window, center=False, "
        "return_complex=True)"
    )
    power = "spectrum.abs() ** 2"
    lines.append(
        f"spectrum = {power}"
        if d.power == 2
        else f"spectrum = {_write_root(d, power, 'spectrum.abs()', 'torch.sqrt')}"
    )
    norm = '"slaney"' if d.norm == "slaney" else "None"
    lines.append(
        f"filters = torchaudio.functional.melscale_fbanks({d.n_fft // 2 + 1}, {d.fmin!r}, "
        f"{d.fmax!r}, {d.n_mels}, "
        f'{d.filter_rate or d.sample_rate}, norm={norm}, mel_scale="{d.scale}")'
    )
    lines.append("mel = filters.T @ spectrum")
    return "\n".join([*lines, *_write_compression(d, "torch")])


def _write_kaldi_code(definition: MelDefinition, gain: float) -> str:
    """Lines of Python that make the mel with torchaudio's copy of Kaldi."""
    d = definition
    window = {"hann-symmetric": "hanning", "hamming-symmetric": "hamming"}.get(d.window, d.window)
    lines = ["import torchaudio", "", 'y, rate = torchaudio.load("sound.wav")']
    lines.append(
        f"y = torchaudio.functional.resample(y.mean(0, keepdim=True), rate, {d.sample_rate})"
    )
    lines += [
        "mel = torchaudio.compliance.kaldi.fbank(",
        f"    y * {gain!r}, num_mel_bins={d.n_mels}, sample_frequency={d.sample_rate},",
        f"    frame_length={1000 * d.win / d.sample_rate:g}, frame_shift={1000 * d.hop / d.sample_rate:g},",
        f"    low_freq={d.fmin!r}, high_freq={d.fmax!r}, preemphasis_coefficient={d.pre_emphasis!r},",
        f'    window_type="{window}", use_power={d.power == 2}, dither=0.0,',
        ").T",
    ]
    return "\n".join([*lines, *_write_normalisation(d, "torch")])


def _write_root(definition: MelDefinition, power: str, magnitude: str, root: str) -> str:
    if definition.inside_root:
        return f"{root}({power} + {definition.inside_root!r})"
    return magnitude


def _write_compression(definition: MelDefinition, library: str) -> list[str]:
    d = definition
    lines = []
    if d.log != "none":
        floor_code = f"mel + {d.clip!r}"
        if d.floor == "clip":
            if library == "np":
                floor_code = f"np.maximum(mel, {d.clip!r})"
            else:
                floor_code = f"mel.clamp(min={d.clip!r})"
        factor = f"{20 // d.power} * " if d.log == "db" else ""
        lines.append(f"mel = {factor}{library}.{'log' if d.log == 'ln' else 'log10'}({floor_code})")
        if d.reference == "max":
            lines.append("mel = mel - mel.max()")
        if d.range_db:
            limit = f"mel.max() - {round(d.range_db * log_units_per_decibel(d), 9)!r}"
            lines.append(f"mel = {library}.maximum(mel, {limit})")
    return [*lines, *_write_normalisation(d, library)]


def _write_normalisation(definition: MelDefinition, library: str) -> list[str]:
    """What is done after the logarithm."""
    d, lines = definition, []
    axis, ddof = "axis=1, keepdims=True", "ddof"
    if library == "torch":
        axis, ddof = "dim=1, keepdim=True", "correction"
    if d.band_norm != "none":
        lines.append(f"mel = mel - mel.mean({axis})")
    if d.band_norm.startswith("mean-std"):
        lines.append(f"mel = mel / mel.std({axis}, {ddof}={int(d.band_norm == 'mean-std')})")
    if (d.multiply, d.add) != (1.0, 0.0):
        lines.append(f"mel = mel * {d.multiply!r} + {d.add!r}")
    return lines


def list_config_names(definition: MelDefinition) -> dict[str, dict[str, float | int | str | None]]:
    """The settings under the names that configs of vocoder projects give them; what they fix in
    code is left out.
    """
    d = definition
    return {
        "hifigan": {
            "sampling_rate": d.sample_rate,
            "n_fft": d.n_fft,
            "hop_size": d.hop,
            "win_size": d.win,
            "num_mels": d.n_mels,
            "fmin": d.fmin,
            "fmax": d.fmax,
        },
        "tacotron2": {
            "sampling_rate": d.sample_rate,
            "filter_length": d.n_fft,
            "hop_length": d.hop,
            "win_length": d.win,
            "n_mel_channels": d.n_mels,
            "mel_fmin": d.fmin,
            "mel_fmax": d.fmax,
        },
        "parallel-wavegan": {
            "sampling_rate": d.sample_rate,
            "fft_size": d.n_fft,
            "hop_size": d.hop,
            "win_length": d.win,
            "num_mels": d.n_mels,
            "fmin": d.fmin,
            "fmax": d.fmax,
        },
        "torchaudio.transforms.MelSpectrogram": _list_torchaudio_names(d),
    }


def _list_torchaudio_names(d: MelDefinition) -> dict[str, float | int | str | None]:
    return {
        "sample_rate": d.filter_rate or d.sample_rate,
        "n_fft": d.n_fft,
        "hop_length": d.hop,
        "win_length": d.win,
        "n_mels": d.n_mels,
        "f_min": d.fmin,
        "f_max": d.fmax,
        "power": float(d.power),
        "mel_scale": d.scale,
        "norm": "slaney" if d.norm == "slaney" else None,
    }
