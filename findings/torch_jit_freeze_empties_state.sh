#!/bin/sh
# torch 2.13.0, torch.jit.freeze.
#
# Behaviour: freezing turns parameters and buffers into constants of the code. The saved archive holds them in constants.pkl
# and constants/, without their names; state_dict() of what torch.jit.load gives is empty. A tool that reads the state dict
# of an exported model finds no weights, and raises nothing.
#
# Seen: 2 tensors before, 0 after; the two weights are among constants/ in the archive; the output is the same.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - "$folder/frozen.pt" <<'PY'
import sys
import zipfile
import torch

model = torch.nn.Sequential(torch.nn.Conv1d(4, 8, 3)).eval()
given = torch.randn(1, 4, 9)
script = torch.jit.trace(model, given)
torch.jit.freeze(script).save(sys.argv[1])
loaded = torch.jit.load(sys.argv[1])
constants = [info.file_size for info in zipfile.ZipFile(sys.argv[1]).infolist() if "/constants/" in info.filename]
before, after = len(script.state_dict()), len(loaded.state_dict())
same = torch.allclose(model(given), loaded(given), atol=1e-6)
print(f"torch {torch.__version__}  state dict before {before}, after {after}; constants {sorted(constants)} bytes; same output: {same}")
assert (before, after, same) == (2, 0, True), "a frozen module has a state again"
assert {8 * 4, 8 * 4 * 3 * 4} <= set(constants), "the weights are not among the constants"
PY
