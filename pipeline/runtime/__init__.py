"""What surrounds every command: progress, logs, worker processes, the machine."""
