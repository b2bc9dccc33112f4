"""Chatterbox's T3: text to speech tokens, on a Llama or (Turbo) a GPT-2 backbone."""
