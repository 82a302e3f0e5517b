"""How a frozen backbone is run on crops."""
