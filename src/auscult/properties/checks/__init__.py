"""One file for each property: `QUESTION`, `DEMANDED` and `measure_property(model)`; `auscult.properties.run` says what each is.

A file's name is the property's name, as `--only` and `--expect` take it.
"""
