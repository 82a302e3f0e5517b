"""Where the rows of features of a recording come from."""
