#!/bin/sh
# transformers 5.23.0, FastSpeech2ConformerModel: a short sentence beside a longer one, with the attention mask.
#
# Behaviour: the durations (and so length and rhythm) of the short sentence are others than alone, though its padding is masked.
# What stands in the masked tokens reaches the real ones before the durations are predicted.
#
# Seen: alone 18 5 9 4 3 10 3 0, beside the longer sentence 18 5 9 3 4 10 3 1 (random weights, one seed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6" "transformers==5.23.0"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import torch
import transformers
from transformers import FastSpeech2ConformerConfig, FastSpeech2ConformerModel

torch.manual_seed(0)
parts = ("encoder", "decoder")
small = {f"{part}_layers": 1 for part in parts}
small |= {f"{part}_num_attention_heads": 2 for part in parts} | {f"{part}_linear_units": 32 for part in parts}
for part in ("duration", "energy", "pitch"):
    small |= {f"{part}_predictor_layers": 1, f"{part}_predictor_channels": 16}
config = FastSpeech2ConformerConfig(
    hidden_size=32, vocab_size=20, num_mel_bins=20, speech_decoder_postnet_layers=2, speech_decoder_postnet_units=16, **small
)
model = FastSpeech2ConformerModel(config).eval()
model.duration_predictor.linear.bias.data.fill_(1.5)
short, long = torch.randint(1, 20, (1, 8)), torch.randint(1, 20, (1, 14))
padding = torch.zeros(1, 6, dtype=torch.long)
mask = torch.cat([torch.cat([torch.ones(1, 8), padding], 1), torch.ones(1, 14)]).long()
with torch.no_grad():
    alone = model(short, attention_mask=torch.ones(1, 8).long(), return_dict=True).duration_outputs[0]
    batch = torch.cat([torch.cat([short, padding], 1), long])
    beside = model(batch, attention_mask=mask, return_dict=True).duration_outputs[0, :8]
print(f"transformers {transformers.__version__}: durations alone {alone.tolist()}, beside a longer sentence {beside.tolist()}")
assert not torch.equal(alone, beside), "a masked sentence keeps its durations"
PY
