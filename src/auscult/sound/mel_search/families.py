"""The mel definitions that well-known systems were trained on.

Each with where it can be read. What is not here is not guessed: a system that takes no mel has its
reason in `NO_MEL`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from auscult.errors import UsageError
from auscult.sound.mel_definition import MelDefinition


@dataclass(frozen=True)
class MelFamily:
    """A system's mel.

    Attributes:
        source: Where the definition can be read.
        drops_last: Whether the last frame is left out.
    """

    definition: MelDefinition
    source: str
    drops_last: bool = False


_HIFIGAN = MelDefinition(
    sample_rate=22050,
    n_fft=1024,
    hop=256,
    win=1024,
    n_mels=80,
    fmin=0.0,
    fmax=8000.0,
    clip=1e-5,
    inside_root=1e-9,
)
_BIGVGAN = replace(_HIFIGAN, sample_rate=24000, n_mels=100, fmax=12000.0)
_VOCOS = MelDefinition(
    sample_rate=24000,
    n_mels=100,
    fmax=12000.0,
    scale="htk",
    norm="none",
    padding="centre",
    clip=1e-7,
)  # torchaudio's defaults otherwise
_STYLETTS2 = replace(
    _VOCOS, n_fft=2048, hop=300, win=1200, n_mels=80, fmax=8000.0, power=2, filter_rate=16000
)
_WHISPER = MelDefinition(
    n_fft=400, hop=160, win=400, power=2, log="log10", clip=1e-10, padding="centre"
)
_PWG = MelDefinition(
    sample_rate=24000,
    n_fft=2048,
    hop=300,
    win=1200,
    fmin=80.0,
    fmax=7600.0,
    log="log10",
    clip=1e-10,
    padding="centre",
)
_KALDI = MelDefinition(
    n_fft=512,
    hop=160,
    win=400,
    fmin=20.0,
    scale="htk",
    norm="none",
    power=2,
    clip=2.0**-23,
    padding="none",
    window="povey",
    pre_emphasis=0.97,
    framing="kaldi",
    triangles="mel",
)
_NEMO = MelDefinition(
    n_fft=512,
    hop=160,
    win=400,
    power=2,
    clip=2.0**-24,
    floor="add",
    padding="centre",
    pad_mode="zero",
    window="hann-symmetric",
    pre_emphasis=0.97,
)

FAMILIES: dict[str, MelFamily] = {
    "hifigan": MelFamily(_HIFIGAN, "jik876/hifi-gan meldataset.py, config_v1.json"),
    "hifigan-16k": MelFamily(
        replace(_HIFIGAN, sample_rate=16000), "AudioLDM's and others' 16 kHz HiFi-GAN configs"
    ),
    "melgan": MelFamily(
        replace(_HIFIGAN, fmax=11025.0, log="log10", inside_root=0.0),
        "descriptinc/melgan-neurips mel2wav/modules.py Audio2Mel",
    ),
    "tacotron2": MelFamily(
        replace(_HIFIGAN, padding="centre", inside_root=0.0),
        "NVIDIA/tacotron2 layers.py TacotronSTFT",
    ),
    "parallel-wavegan": MelFamily(
        _PWG, "kan-bayashi/ParallelWaveGAN bin/preprocess.py, 24 kHz recipes"
    ),
    "parallel-wavegan-22k": MelFamily(
        replace(_PWG, sample_rate=22050, n_fft=1024, hop=256, win=1024),
        "kan-bayashi/ParallelWaveGAN egs/ljspeech conf",
    ),
    "vocos": MelFamily(_VOCOS, "gemelo-ai/vocos feature_extractors.py MelSpectrogramFeatures"),
    "bigvgan": MelFamily(_BIGVGAN, "NVIDIA/BigVGAN configs/bigvgan_v2_24khz_100band_256x.json"),
    "bigvgan-22k": MelFamily(
        replace(_HIFIGAN, fmax=11025.0), "NVIDIA/BigVGAN configs/bigvgan_v2_22khz_80band_256x.json"
    ),
    "bigvgan-44k": MelFamily(
        replace(
            _HIFIGAN, sample_rate=44100, n_fft=2048, hop=512, win=2048, n_mels=128, fmax=22050.0
        ),
        "NVIDIA/BigVGAN configs/bigvgan_v2_44khz_128band_512x.json",
    ),
    "univnet": MelFamily(
        replace(_BIGVGAN, inside_root=1e-9), "transformers UnivNetFeatureExtractor"
    ),
    "chatterbox": MelFamily(
        replace(_HIFIGAN, sample_rate=24000, n_fft=1920, hop=480, win=1920),
        "resemble-ai/chatterbox models/s3gen/utils/mel.py",
    ),
    "styletts2": MelFamily(
        replace(_STYLETTS2, clip=1e-5, floor="add", multiply=0.25, add=1.0),
        "yl4579/StyleTTS2 meldataset.py: 24 kHz samples, filters at torchaudio's default of 16 kHz",
    ),
    "speecht5": MelFamily(
        MelDefinition(fmin=80.0, fmax=7600.0, log="log10", clip=1e-10, padding="centre"),
        "transformers SpeechT5FeatureExtractor",
    ),
    "whisper": MelFamily(
        replace(_WHISPER, range_db=80.0, multiply=0.25, add=1.0),
        "openai/whisper audio.py",
        drops_last=True,
    ),
    "whisper-128": MelFamily(
        replace(_WHISPER, n_mels=128, range_db=80.0, multiply=0.25, add=1.0),
        "openai/whisper audio.py, large-v3; s3tokenizer",
        drops_last=True,
    ),
    "rmvpe": MelFamily(
        MelDefinition(
            n_fft=1024,
            hop=160,
            win=1024,
            n_mels=128,
            fmin=30.0,
            fmax=8000.0,
            scale="htk",
            padding="centre",
        ),
        "RVC's rmvpe.py MelSpectrogram",
    ),
    "campplus": MelFamily(
        replace(_KALDI, band_norm="mean"),
        "modelscope/3D-Speaker and CosyVoice: torchaudio.compliance.kaldi.fbank, mean taken off",
    ),
    "seamless": MelFamily(
        replace(_KALDI, band_norm="mean-std"), "transformers SeamlessM4TFeatureExtractor"
    ),
    "nemo": MelFamily(
        replace(_NEMO, band_norm="mean-std"),
        "NVIDIA/NeMo AudioToMelSpectrogramPreprocessor of Conformer and Parakeet",
    ),
}
"""By the name that `--against` takes."""

ALIASES = {
    "istftnet": "hifigan",
    "waveglow": "tacotron2",
    "f5-tts": "vocos",
    "cosyvoice2": "chatterbox",
    "hift": "chatterbox",
    "matcha-tts": "hifigan",
    "s3tokenizer": "whisper-128",
    "bigvgan-24k": "bigvgan",
}

NO_MEL = {
    "stable-audio": "it takes latents of its own autoencoder, which takes samples at 44,100 Hz",
    "encodec": "it takes samples at 24,000 or 48,000 Hz",
    "dac": "it takes samples at 44,100, 24,000 or 16,000 Hz",
    "mimi": "it takes samples at 24,000 Hz",
    "codehifigan": "it takes unit ids",
}


def find_family(name: str) -> MelFamily:
    """The family of that name.

    Raises:
        UsageError: If there is none, or if it takes no mel.
    """
    family_name = name.lower().replace("_", "-")
    if family_name in NO_MEL:
        raise UsageError(f"{family_name} takes no mel: {NO_MEL[family_name]}", where="--against")
    mel_family = FAMILIES.get(ALIASES.get(family_name, family_name))
    if mel_family is None:
        raise UsageError(
            "no such family",
            where="--against",
            found=name,
            hint=f"known are {', '.join(sorted({*FAMILIES, *ALIASES}))}",
        )
    return mel_family
