"""Look at what a model predicted, in the video, and correct it: a page per recording.

`run_reading` reads a run folder, `ranking` says where a look is worth most, `videos` finds a video that the
browser plays, `pages` writes it all into pages that need nothing else, and `server` offers these pages (`offer`) on
this computer alone and keeps what is corrected (`corrections`), while `preparation` makes their videos ready.
"""
