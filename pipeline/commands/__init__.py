"""What a user can ask for: a file per command, and their table."""

# Each in a module of its own, imported only when it is asked for: its function takes the further arguments and
# returns the exit code.
COMMANDS = {
    "audit": ("pipeline.commands.audit", "run_audit_command"),
    "cache": ("pipeline.commands.cache", "run_cache_command"),
    "compare": ("pipeline.commands.compare", "run_compare_command"),
    "dataset": ("pipeline.commands.dataset", "run_dataset_command"),
    "ensemble": ("pipeline.commands.ensemble", "run_ensemble_command"),
    "evaluate": ("pipeline.commands.evaluation.command", "run_evaluate_command"),
    "init": ("pipeline.commands.init", "run_init_command"),
    "review": ("pipeline.commands.review", "run_review_command"),
    "export": ("pipeline.commands.export", "run_export_command"),
    "overlay": ("pipeline.commands.overlay", "run_overlay_command"),
    "search": ("pipeline.commands.search", "run_search_command"),
    "verify": ("pipeline.commands.verify", "run_verify_command"),
    "predict": ("pipeline.commands.predict", "run_predict_command"),
}

EXPERIMENTS = ("pipeline.commands.run", "run_experiments_command")
"""What is done with arguments that begin with no command."""
