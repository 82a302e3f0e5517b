"""`python run_experiment.py cache list|verify|prune`: what lies in the cache of embeddings."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common.errors import InputError
from features.cache.store import CacheRow, list_caches, prune_caches, verify_caches
from features.engines.kept_networks import list_networks, prune_networks
from features.poses.blob_cache import list_blob_tracks, prune_blob_tracks
from pipeline.commands.arguments import command_parser

_DESCRIPTION = """Embeddings are computed once and kept in a folder, one HDF5 file for each recording
and recipe (network, weights, crop, center, ...). Experiments with the same recipe share them."""

_MOST_DAYS = 100_000


def run_cache_command(arguments: Sequence[str]) -> int:
    """Carry out a cache command; returns the exit code (1 when `verify` found damage)."""
    options = _parser().parse_args(arguments)
    folder: Path = options.cache_dir
    if not folder.is_dir():
        raise InputError(
            f"There is no cache folder {folder}. Name the one of your experiments with --cache-dir (their YAML's "
            "`cache_dir:`, by default `cache` in the folder where the command was run)."
        )
    if options.action == "list":
        _show(list_caches(folder), f"Embeddings in {folder}")
        tracks = list_blob_tracks(folder)
        if tracks:
            size_mb = sum(path.stat().st_size for path in tracks) / 1e6
            print(f"Tracks of animals without a pose file (`blob`): {len(tracks)}, {size_mb:.1f} MB")
        networks = list_networks(folder)
        if networks:
            size_mb = sum(path.stat().st_size for path in networks) / 1e6
            print(f"Networks converted for the engine openvino: {len(networks)}, {size_mb:.1f} MB")
        return 0
    if options.action == "verify":
        rows = list(verify_caches(folder))
        _show(rows, f"Every byte read and checked in {folder}")
        return 1 if any(row.state == "damaged" for row in rows) else 0
    if options.older_than_days is not None and not 0 <= options.older_than_days <= _MOST_DAYS:
        raise InputError(
            f"--older-than-days expects a number of days from 0 to {_MOST_DAYS:,}; found {options.older_than_days:g}."
        )
    _show(prune_caches(folder, older_than_days=options.older_than_days), f"Deleted from {folder}")
    if options.older_than_days is not None:
        n_deleted = len(prune_blob_tracks(folder, options.older_than_days))
        print(f"Tracks of animals without a pose file deleted: {n_deleted}")
        n_deleted = len(prune_networks(folder, options.older_than_days))
        print(f"Converted networks deleted: {n_deleted}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("cache", _DESCRIPTION)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"), metavar="DIR", help="default: cache")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="recordings, networks, sizes")
    actions.add_parser("verify", help="read every file and compare its checksums")
    prune = actions.add_parser("prune", help="delete damaged files, and with --older-than-days old ones")
    prune.add_argument(
        "--older-than-days",
        type=float,
        metavar="DAYS",
        help="also delete whole files and interrupted extractions older than this; 0 deletes all",
    )
    return parser


def _show(rows: Iterable[CacheRow], title: str) -> None:
    table = Table(title=title)
    for column in ("recording", "backbone", "frames", "features", "MB", "state", "file"):
        table.add_column(column, justify="right" if column in ("frames", "features", "MB") else "left")
    total = 0.0
    for row in rows:
        total += row.size_mb
        cells = (row.n_frames, row.n_features, f"{row.size_mb:.1f}", row.state, row.path.name)
        table.add_row(row.recording, row.backbone, *map(str, cells))
    console = Console()
    console.print(table)
    console.print(f"{table.row_count} files, {total:.1f} MB")
