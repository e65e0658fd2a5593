"""The demonstration: two French action plans told over nine years, by fictitious actors in words of our own."""
