"""The machine and the software a run used: read once, written into its provenance."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = (
    "tensorflow", "keras", "keras-tcn", "opencv-python-headless", "opencv-python", "av", "numpy", "pandas", "h5py",
    "scipy", "scikit-learn", "matplotlib", "pydantic", "openvino", "numba",
)  # fmt: skip


def package_versions() -> dict[str, str]:
    """Installed version of each package that can change a result."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_machine(gpu_names: list[str] | None = None) -> dict[str, Any]:
    """Operating system, processor, cores, memory; GPUs where the caller has asked TensorFlow."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "n_cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpu": gpu_names or [],
    }


def usable_cores() -> int:
    """Cores this process may use (which a cluster's job limit may set below the machine's)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the code and whether it was changed since; None where there is no git checkout.

    A lab's own files beside the code are no change of it.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None
