"""Chatterbox's S3Gen: speech tokens to mel by flow matching, to waveform by HiFT; with its tokenizer and speaker encoder."""
