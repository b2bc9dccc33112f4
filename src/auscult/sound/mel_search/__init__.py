"""Which definition made this mel? A search over every setting, from the sound and the numbers
alone.
"""
