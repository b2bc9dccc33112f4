"""Two files of the same samples: one with the sample rate that they were made at, one with another."""

from auscult.sound.recording import Recording, read_recording, write_recording

spoken = read_recording("frase.flac").cut(2.0)
write_recording(spoken, "right.wav")
write_recording(Recording(spoken.samples, 22050), "fast.wav")
