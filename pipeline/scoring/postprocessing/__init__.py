"""From probabilities to behavior: fixed steps, or steps that are tuned; calibration."""
