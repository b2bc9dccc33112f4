"""Somebody's preprocessing, which nobody wrote down: a sentence and its mel spectrogram."""

from importlib import resources

import numpy as np

from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import read_recording, write_recording

sentence = read_recording(resources.files("auscult.data") / "frase.flac").resample(22050)
write_recording(sentence, "speech.wav")
definition = MelDefinition(sample_rate=22050, fmax=8000.0, log="log10", padding="centre")
np.save("mel.npy", mel_spectrogram(read_recording("speech.wav").mono, definition).T)
