"""Who carries out a list of fits."""
