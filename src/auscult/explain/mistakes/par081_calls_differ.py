"""A module is called more often on one side than on the other.

**What it finds.** Layers that belong together and are called another number of times within one run.

**What you hear.** Nothing, where the output agrees: the work is only divided in another way, or repeated. Otherwise a missing
refinement, a chunk too few, or one that is heard twice.

**Why it happens.** One side calls a layer for two tensors at once and the other one by one, leaves out a branch without effect
(dropout, guidance), or ends a loop at another step.

**Blind spots.** The calls of one side alone are compared with nothing. A module that one side never has is not a call.

**How it is measured.** Both runs note every call of every module. It is an information where the outputs agree, and a warning where
they do not.

**Example.**

```python
# torch, wrong
for block in self.blocks[:-1]:  # the last is never called
    x = block(x)
# torch, right
for block in self.blocks:
    x = block(x)
# MLX, wrong
for block in self.blocks[1:]:
    x = block(x)
# MLX, right
for block in self.blocks:
    x = block(x)
```

**Fix.** Where the outputs differ, call the layer as often, on the same tensors. Safety: guess.
"""

from __future__ import annotations

from auscult.finding import Severity

CODE = "PAR081"
NAME = "calls-differ"
RANK = 44
SEVERITY = Severity.WARNING
FOUND_BY = ("verbs/compare/run_findings.py",)
