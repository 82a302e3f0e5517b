"""What predictions are worth, as pure functions over timelines, each beside the table that it fills.

Counts of recordings add up and pooled ratios come from the sums; intervals and tests are over individuals.
"""
