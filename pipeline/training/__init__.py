"""From checked recordings to probabilities: features, folds, fits."""
