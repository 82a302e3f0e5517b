"""From a table of recordings to recordings that are read and checked."""
