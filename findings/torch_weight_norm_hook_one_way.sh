#!/bin/sh
# torch 2.13.0, the two spellings of weight norm.
#
# Behaviour: a state dict with the old names (weight_g, weight_v of torch.nn.utils.weight_norm) loads into a module with the
# new ones (torch.nn.utils.parametrizations.weight_norm): a load hook renames them. The other way there is no hook: the new
# names (parametrizations.weight.original0, original1) into an old-style module raise, and with strict=False the module keeps
# its random weights, in silence but for the returned keys.
#
# Seen:
#   old -> new: all keys matched, weights equal
#   new -> old: 2 missing, 2 unexpected, weights not equal
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import torch
from torch import nn

def old():
    return nn.utils.weight_norm(nn.Conv1d(4, 8, 3))

def new():
    return nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 8, 3))

def load(source, target):
    keys = target.load_state_dict(source.state_dict(), strict=False)
    for module in (source, target):
        module(torch.zeros(1, 4, 9))  # the old style computes its weight in a forward hook
    return keys, torch.allclose(source.weight, target.weight)

for name, pair in {"old -> new": (old(), new()), "new -> old": (new(), old())}.items():
    keys, equal = load(*pair)
    print(f"torch {torch.__version__}  {name}: {len(keys.missing_keys)} missing, {len(keys.unexpected_keys)} unexpected, weights equal: {equal}")
    bridged = name == "old -> new"
    assert equal is bridged and bool(keys.missing_keys) is not bridged, "the bridge has changed"
PY
