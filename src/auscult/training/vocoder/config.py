"""Everything about a vocoder's training that can be chosen, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from auscult.families.vocoders import import_vocoder
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.families import FAMILIES
from auscult.training.settings import GeneratorTrainConfig, check_fields

Family = Literal["vocos", "hifigan"]


@dataclass(frozen=True)
class VocoderTrainConfig(GeneratorTrainConfig):
    """The defaults train a small Vocos, in a time that a processor has."""

    family: Family = "vocos"
    mel: MelDefinition = field(default_factory=lambda: FAMILIES["vocos"].definition)
    model: Mapping[str, Any] = field(
        default_factory=dict
    )  # fields of the family's config, instead of those of `training/vocoder/sizes.py`
    data: str = "espeak"  # a folder of audio, or `espeak` for speech that espeak-ng makes
    minutes: float = 30.0  # of that speech
    out: str = "vocoder"  # folder of the checkpoints and the log

    steps: int = 20000
    batch: int = 8  # segments, of all processes together
    learning_rate: float = 1e-3
    warmup: int = 100  # steps
    decay_share: float = (
        0.7  # the last share of the steps, over which the rate falls along a cosine
    )
    clip: float = 5.0  # largest norm of the gradient

    mel_weight: float = 5.0  # L1 of the log bands
    stft_weight: float = 1.0  # multi-resolution STFT
    adversarial_weight: float = 0.3  # critics take part where it or the next is above zero
    matching_weight: float = 1.0
    critic_share: float = (
        0.5  # share of the steps before the critics take part: until then there is little to judge
    )

    evaluate_every: int = 500
    save_every: int = 500
    watch_every: int = 250  # steps between looks of the monitor

    @property
    def critic_start(self) -> int:
        """First step with critics."""
        return round(self.critic_share * self.steps)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VocoderTrainConfig:
        """The reverse of `to_dict`; fields may be absent. Without a mel it is the family's own.

        Raises:
            UsageError: If there is a field that the config does not have.
        """
        fields_by_name = check_fields(
            cls, {name: value for name, value in values.items() if name != "mel"}, "training config"
        )
        family = fields_by_name.get("family", cls.family)
        mel = values.get("mel") or FAMILIES[import_vocoder(family).MELS[0]].definition.to_config()
        return cls(**fields_by_name, mel=MelDefinition(**check_fields(MelDefinition, mel, "mel")))
