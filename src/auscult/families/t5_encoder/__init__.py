"""T5's encoder (Raffel et al. 2020), as text-to-audio models use it for their prompts."""
