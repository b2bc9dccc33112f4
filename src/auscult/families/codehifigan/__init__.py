"""CodeHiFiGAN: HiFi-GAN on discrete speech units, with a duration predictor (StreamSpeech, fairseq, speech-resynthesis)."""

from __future__ import annotations

from auscult.families.hifigan import ANCHORS as HIFIGAN

ANCHORS = ("dict.weight", "dur_predictor.proj.weight", *HIFIGAN)
