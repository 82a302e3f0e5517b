"""Overlay videos: a recording with the box of its crop on it and, below, what human and model say."""
