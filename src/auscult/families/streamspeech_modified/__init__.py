"""StreamSpeech's vocoder as modified by its user: 94 tensors, additive speaker and emotion conditioning, GRC blocks."""
