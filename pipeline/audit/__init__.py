"""Do video, poses and labels of a recording belong together, and what is odd about them?

`frames_agree` is what every run insists on; the rest is what the `audit` command tells beyond that.
"""
