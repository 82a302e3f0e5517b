"""The demo: a simulated open field, so that a fresh clone has something to run on.

`behavior` plans what the mouse does, `motion` turns that into postures, `body` into balls in space,
`scene` and `render` into images; `tracking` adds a tracker's errors, `make` writes it all to a folder.
"""
