"""Hypotheses about derived tensors, one file each, found by this folder; see `auscult.align.derived`."""
