"""Ports that others wrote, judged: pairs of public implementations with shared random weights, their truth, and what auscult says.

`pairs/` has one file for each family; a pair is one entry of its `PAIRS`.
"""
