"""Bouts: stretches of frames, matched and scored."""
