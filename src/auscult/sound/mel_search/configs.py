"""The mel definition that a vocoder's config file states, together with what its code fixes.

Known are HiFi-GAN's and BigVGAN's `config.json`, Vocos' and ParallelWaveGAN's `config.yaml`, NeMo's
`model_config.yaml`, coqui's `config.json`, and a definition as `auscult mel --format json` gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auscult.errors import AudioError, UsageError
from auscult.facts.config_file import CONFIG_SUFFIXES, load_config_file
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.bands import with_settings

Values = Mapping[str, Any]

KNOWN_KINDS = "HiFi-GAN, BigVGAN, coqui (config.json), Vocos, ParallelWaveGAN, NeMo (.yaml), or a definition in JSON"
VOCOS_FEATURES = "MelSpectrogramFeatures"
NEMO_FRONT_END = "AudioToMelSpectrogramPreprocessor"
DECIBELS_PER_DECADE = 20.0
"""Of a magnitude. Defined by the decibel."""
NEMO_GUARD = 2.0**-24
"""Added under the logarithm. Defined by NeMo's default."""


def is_config_file(name: str) -> bool:
    """Whether `--against` names a file rather than a family."""
    return Path(name).suffix.lower() in CONFIG_SUFFIXES


def read_mel_config(path: str | Path) -> MelDefinition:
    """The definition of a vocoder's mel.

    Raises:
        UsageError: If the file cannot be read, or is none of the known kinds.
    """
    values = load_config_file(path)
    definition = find_mel_definition(values, str(path))
    if definition is not None:
        return definition
    raise UsageError(
        "is no config of a vocoder that auscult knows",
        where=str(path),
        expected=KNOWN_KINDS,
        found=", ".join(map(str, list(values)[:8])) or "no settings",
        hint="write the settings as JSON under the names that `auscult mel --format json` gives",
    )


def find_mel_definition(values: Values, where: str) -> MelDefinition | None:
    """The definition that the settings of a config state; None where they are of none of the known kinds.

    Raises:
        UsageError: If they are of a known kind, but a setting is missing or impossible.
    """
    try:
        for read in READERS:
            definition = read(values)
            if definition is not None:
                return definition
    except (AudioError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "states no mel that can be read", where=where, found=repr(error)
        ) from error
    return None


def _read_definition(values: Values) -> MelDefinition | None:
    """A definition by its own names, alone or inside a report."""
    for key in ("mel", "definition"):
        if isinstance(values.get(key), dict):
            values = values[key]
    if not {"n_mels", "hop", "win"} <= set(values):
        return None
    return MelDefinition.from_text({name: str(value) for name, value in values.items()})


def _read_hifigan(values: Values) -> MelDefinition | None:
    """jik876/hifi-gan meldataset.py, and what was made of it (BigVGAN, iSTFTNet)."""
    if not {"num_mels", "hop_size", "win_size", "sampling_rate"} <= set(values):
        return None
    rate = int(values["sampling_rate"])
    return MelDefinition(
        sample_rate=rate,
        n_fft=int(values.get("n_fft", values["win_size"])),
        hop=int(values["hop_size"]),
        win=int(values["win_size"]),
        n_mels=int(values["num_mels"]),
        fmin=float(values.get("fmin") or 0.0),
        fmax=float(values.get("fmax") or rate / 2),
        inside_root=1e-9,
    )


def _read_vocos(values: Values) -> MelDefinition | None:
    """gemelo-ai/vocos feature_extractors.py: torchaudio's defaults, magnitudes."""
    extractor = _find(values, lambda part: VOCOS_FEATURES in str(part.get("class_path", "")))
    if extractor is None:
        return None
    settings = extractor.get("init_args") or {}
    rate, n_fft = int(settings.get("sample_rate", 24000)), int(settings.get("n_fft", 1024))
    return MelDefinition(
        sample_rate=rate,
        n_fft=n_fft,
        hop=int(settings.get("hop_length", 256)),
        win=n_fft,
        n_mels=int(settings.get("n_mels", 100)),
        fmax=rate / 2,
        scale="htk",
        norm="none",
        padding="hop" if settings.get("padding") == "same" else "centre",
        clip=1e-7,
    )


def _read_nemo(values: Values) -> MelDefinition | None:
    """NeMo collections/asr/parts/preprocessing/features.py FilterbankFeatures."""
    front_end = _find(values, lambda part: NEMO_FRONT_END in str(part.get("_target_", "")))
    if front_end is None:
        return None
    rate = int(front_end.get("sample_rate", 16000))
    win = int(front_end.get("n_window_size") or front_end.get("window_size", 0.02) * rate)
    hop = int(front_end.get("n_window_stride") or front_end.get("window_stride", 0.01) * rate)
    guard = front_end.get("log_zero_guard_value", NEMO_GUARD)
    is_log = bool(front_end.get("log", True))
    is_clamped = front_end.get("log_zero_guard_type", "add") == "clamp"
    return with_settings(
        MelDefinition(),
        sample_rate=rate,
        n_fft=int(front_end.get("n_fft") or 2 ** (win - 1).bit_length()),
        hop=hop,
        win=win,
        n_mels=int(front_end.get("features", 64)),
        fmin=float(front_end.get("lowfreq") or 0.0),
        fmax=float(front_end.get("highfreq") or rate / 2),
        norm=front_end.get("mel_norm", "slaney") or "none",
        power=int(front_end.get("mag_power", 2)),
        log="ln" if is_log else "none",
        clip=NEMO_GUARD if isinstance(guard, str) else float(guard),
        floor="clip" if is_clamped else "add",
        padding="hop" if front_end.get("exact_pad") else "centre",
        pad_mode="zero",
        window=_name_nemo_window(str(front_end.get("window", "hann"))),
        pre_emphasis=float(front_end.get("preemph", 0.97) or 0.0),
        band_norm="mean-std" if front_end.get("normalize") == "per_feature" else "none",
    )


def _name_nemo_window(name: str) -> str:
    """NeMo's windows are symmetric (periodic=False)."""
    return {"hann": "hann-symmetric", "hamming": "hamming-symmetric", "none": "rectangular"}[name]


def _read_coqui(values: Values) -> MelDefinition | None:
    """coqui TTS/utils/audio/processor.py AudioProcessor."""
    audio = values.get("audio")
    if not isinstance(audio, dict) or not {"fft_size", "hop_length", "num_mels"} <= set(audio):
        return None
    rate = int(audio["sample_rate"])
    log, multiply = _read_coqui_logarithm(audio)
    add = 0.0
    if audio.get("signal_norm", True) and not audio.get("stats_path"):
        lowest, span = float(audio.get("min_level_db", -100)), float(audio.get("max_norm", 4.0))
        is_symmetric = bool(audio.get("symmetric_norm", True))
        scale = (2 * span if is_symmetric else span) / -lowest
        add = (float(audio.get("ref_level_db", 20)) + lowest) * -scale - is_symmetric * span
        multiply *= scale
    return with_settings(
        MelDefinition(),
        sample_rate=rate,
        n_fft=int(audio["fft_size"]),
        hop=int(audio["hop_length"]),
        win=int(audio.get("win_length") or audio["fft_size"]),
        n_mels=int(audio["num_mels"]),
        fmin=float(audio.get("mel_fmin") or 0.0),
        fmax=float(audio.get("mel_fmax") or rate / 2),
        log=log,
        padding="centre",
        multiply=multiply,
        add=add,
        pre_emphasis=float(audio.get("preemphasis") or 0.0),
        band_norm="mean-std" if audio.get("stats_path") else "none",
    )


def _read_coqui_logarithm(audio: Values) -> tuple[str, float]:
    """Kind of the logarithm, and its factor."""
    gain = float(audio.get("spec_gain", DECIBELS_PER_DECADE))
    if "log10" not in str(audio.get("log_func", "np.log10")):
        return "ln", gain
    if gain == DECIBELS_PER_DECADE:
        return "db", 1.0
    return "log10", gain


def _read_pwg(values: Values) -> MelDefinition | None:
    """kan-bayashi/ParallelWaveGAN bin/preprocess.py logmelfilterbank, before its statistics."""
    if not {"sampling_rate", "fft_size", "hop_size", "num_mels"} <= set(values):
        return None
    rate = int(values["sampling_rate"])
    return MelDefinition(
        sample_rate=rate,
        n_fft=int(values["fft_size"]),
        hop=int(values["hop_size"]),
        win=int(values.get("win_length") or values["fft_size"]),
        n_mels=int(values["num_mels"]),
        fmin=float(values.get("fmin") or 0.0),
        fmax=float(values.get("fmax") or rate / 2),
        log="log10",
        clip=1e-10,
        padding="centre",
    )


def _find(values: Values, is_wanted: Callable[[Values], bool]) -> Values | None:
    """The first mapping, at any depth, of which that is so."""
    if is_wanted(values):
        return values
    for value in values.values():
        if isinstance(value, dict):
            found = _find(value, is_wanted)
            if found is not None:
                return found
    return None


READERS = (_read_definition, _read_hifigan, _read_vocos, _read_nemo, _read_coqui, _read_pwg)
"""One for each kind of config; a later one reads only what no earlier one knows."""
