"""The folder of a search: what lies where, and its tables."""
