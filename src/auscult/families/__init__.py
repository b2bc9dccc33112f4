"""The model families: one folder each, found by its folder.

A family folder has `signature.py` (names and shapes only, no framework) and, where auscult can run the model, `torch.py`
and `mlx.py`, each with `build(config)`.
"""
