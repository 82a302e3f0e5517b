"""Geometry of keypoints: where an animal's parts are, how they move, and how two animals stand to each other.

Positions are complex numbers, x + iy: pixels of the frame (x to the right, y down) divided by a length, so that
turning is multiplication. NaN is missing, and whatever is made of it is missing as well. ``columns.KINDS`` lists all
features with unit and formula; docs/pose_features.md shows them.
"""
