"""Tables with a row per bout, in frames or in seconds, of one recording or of many."""
