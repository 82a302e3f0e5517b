"""The page of a search: which settings are best, whether that is more than luck, and what mattered."""
