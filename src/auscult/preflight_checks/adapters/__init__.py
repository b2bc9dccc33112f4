"""How preflight reads what TARGET returned, one kind a file, found by this folder.

An adapter has `ORDER` (the lowest that fits is taken), `fits(value)`, and `adapt(value, options)`,
which gives a Setup. Packages are recognised by structure, so that none is imported.
"""
