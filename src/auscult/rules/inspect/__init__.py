"""Rules that look at one checkpoint alone."""
