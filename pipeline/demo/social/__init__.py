"""The social demo: two simulated mice in a cage.

`behavior` plans the bouts, `mouse` moves one mouse, `acts` and `sniffing` say what two mice do in a bout, `encounter`
plays it all and labels it; `recording` draws it, `tracking` and `boris` are what a tracker and a human would write,
`files` is the folder.
"""
