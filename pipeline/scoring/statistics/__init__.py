"""What biologists publish, and how firm it is."""
