"""Stage two: embeddings become per-frame behavior probabilities."""
