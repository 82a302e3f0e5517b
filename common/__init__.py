"""The ground that all stand on: errors, files, tables, names. It knows nothing of mice or networks."""
