"""What surrounds every command: progress, logs, the machine."""
