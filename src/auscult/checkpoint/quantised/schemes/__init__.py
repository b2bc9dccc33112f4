"""The schemes of quantisers, one file each."""
