"""The folder of a run: its files' names, how they are written and how they are read."""
