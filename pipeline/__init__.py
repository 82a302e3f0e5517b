"""The trunk: recordings, annotations and experiments; it calls the two leaves, features and models."""
