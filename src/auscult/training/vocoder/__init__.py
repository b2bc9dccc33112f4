"""Training of a vocoder: from mel spectrograms of any definition to sound.

`loop` trains; everything else is a part of it or a measure of its result.
"""
