"""Stage one: a video becomes one embedding per frame, computed once and cached."""
