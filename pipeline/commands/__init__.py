"""The commands beside running an experiment, a file each; `pipeline.command_line` has their table."""
