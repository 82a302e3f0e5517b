"""A data set of labeled images: the crops that a network is shown, with what a human said of each."""
