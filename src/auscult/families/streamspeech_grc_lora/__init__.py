"""The 394-tensor generator that was used by mistake: the modified StreamSpeech frame with GRC-LoRA blocks."""
