"""What BORIS writes: projects, and tabular, aggregated and binary exports."""
