"""Chatterbox as a whole: where its parts lie, and how T3, S3Gen and the voice encoder run together."""
