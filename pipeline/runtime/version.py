"""Which Rearview this is."""

REARVIEW_VERSION = "0.1.0"
