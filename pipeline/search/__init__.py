"""Searches for settings: trials of an experiment, judged by cross-validation, and an honest score of the best."""
