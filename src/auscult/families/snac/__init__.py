"""SNAC (Siuzdak 2024): a residual codec whose books work at several rates, run through its own package."""
