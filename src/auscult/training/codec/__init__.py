"""Training of auscult's codec.

`loop` trains; everything else is a part of it or a measure of its result.
"""
