"""Video files: their frames in order, and what they are like."""
