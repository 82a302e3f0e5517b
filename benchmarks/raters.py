"""Lays out `open_field_raters` (../shared/data) as a lab's folder for benchmarks/raters.yaml.

The source holds, per recording, the cluster of the pose in every frame (k-means with 25 and 50
clusters; 0 = missing) and what three raters saw. Written here: a table of embeddings per recording (the
share of each cluster in the frames around, at three widths) and a frame CSV per rater.

    python -m benchmarks.raters
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from common.files import write_text
from common.tables import write_lines

SOURCE = Path("../shared/data/open_field_raters/open_field_raters.npz")
BEHAVIORS = ("supported_rearing", "unsupported_rearing", "grooming")
N_CLUSTERS = {"kmeans25": 25, "kmeans50": 50}
# At 25 frames/s: the moment (.2 s) and what surrounds it (1 s, 4 s).
WIDTHS_FRAMES = (5, 25, 101)


def embed(clusters: dict[str, NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Share of each cluster around every frame, shape (n_frames, n_widths x n_all_clusters)."""
    one_hot = np.concatenate(
        [np.eye(n + 1, dtype=np.float32)[clusters[name]] for name, n in N_CLUSTERS.items()], axis=1
    )
    return np.concatenate([uniform_filter1d(one_hot, width, axis=0) for width in WIDTHS_FRAMES], axis=1)


def lay_out(source: Path, folder: Path) -> Path:
    """Write embeddings, labels and the table of recordings; returns the table's path."""
    folder.mkdir(parents=True, exist_ok=True)
    table = [["recording", "video", "poses", "annotations", "individual", "group", "split"]]
    with np.load(source, allow_pickle=False) as arrays:
        for name in sorted({key.partition("/")[0] for key in arrays.files}):
            np.save(folder / f"{name}.npy", embed({k: arrays[f"{name}/{k}"] for k in N_CLUSTERS}))
            labels = arrays[f"{name}/labels"]
            files = []
            for rater in range(labels.shape[1]):
                rows = ([str(i), *map(str, row)] for i, row in enumerate(labels[:, rater]))
                write_lines(folder / f"{name}_rater{rater}.csv", [["frame", *BEHAVIORS], *rows])
                files.append(f"rater{rater}={name}_rater{rater}.csv")
            table.append([name, f"{name}.npy", "", ";".join(files), name, "", "train"])
    write_lines(folder / "recordings.csv", table)
    write_text(folder / ".gitignore", "*\n")
    return folder / "recordings.csv"


def main() -> None:
    """Lay the folder out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--source", type=Path, default=SOURCE, help=f"default: {SOURCE}")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/raters"), help="default: benchmarks/raters")
    options = parser.parse_args()
    print(f"Now run: python run_experiment.py benchmarks/raters.yaml   ({lay_out(options.source, options.folder)})")


if __name__ == "__main__":
    main()
