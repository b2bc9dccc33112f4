"""Compare two runs of one model, layer by layer.

`align` pairs the layers of the two runs, `measure` says how far their tensors are apart and how far
rounding alone would put them, `locate` finds where an error is born: arises, rather than passes
through.
"""
