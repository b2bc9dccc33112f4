"""The 394-tensor generator that was used by mistake: the modified StreamSpeech frame with GRC-LoRA blocks."""

from __future__ import annotations

from auscult.families.streamspeech_modified import ANCHORS as PLAIN

ANCHORS = (*PLAIN, "mrfs.0.convs.0.lora_conv1.lora_A", "mrfs.0.convs.0.norm1.weight")
