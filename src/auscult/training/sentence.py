"""Speak the demo's sentence: `python -m auscult.training.sentence`."""

from __future__ import annotations

from auscult import data
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording, write_recording
from auscult.training.data import speak_text


def main() -> None:
    rate = MelDefinition().sample_rate
    utterance = speak_text(data.SENTENCE_TEXT, data.SENTENCE_VOICE, data.SENTENCE_STYLE, rate)
    print(write_recording(Recording.from_mono(utterance.samples, rate), data.path(data.SENTENCE)))


if __name__ == "__main__":
    main()
