"""`run vocoder`: a mel or units to sound."""
