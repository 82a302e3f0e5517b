"""The command `evaluate`: any program's output scored against labels."""
