"""Several finished runs as one: who may be a member, how much each counts, and the folder that comes of it."""
