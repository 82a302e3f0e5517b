"""Which pose file and which annotations belong to which video, by their names."""
