"""The report: a run folder's files become figures and one self-contained page.

`run_files` reads the folder, `figures` draws, `summary` and `score_tables` put numbers into words and
rows, `html` assembles the page; `comparison` does the same for several runs beside each other.
Nothing is computed that is not in the files: the page can be made again from the folder alone.
"""
