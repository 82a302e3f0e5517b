"""A new member of each table, as somebody would add it in a file of its own; run by test_new_members.py.

python -m tests.new_members HEAD.py EXPERIMENT.yaml
"""

import csv
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np

from features.backbones import BACKBONES
from features.backbones.base import NetworkConfig
from features.poses import READERS
from features.tracks import PoseTrack
from models.heads import HEADS
from pipeline.annotations import FORMATS
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.opening import AnnotationFile
from pipeline.command_line import main
from pipeline.commands import COMMANDS
from pipeline.exports import EXPORTS
from pipeline.exports.base import ExportedFile
from pipeline.exports.recording import ExportRecording
from tests.conftest import without_figures


def read_track(path: Path, individual: str | None) -> PoseTrack:
    xy_px = np.array(json.loads(path.read_text(encoding="utf-8"))["midbody"], dtype=np.float64)[:, None]
    return PoseTrack(("midbody",), xy_px, np.ones(xy_px.shape[:2]), path)


def is_track(path: Path) -> bool:
    return path.read_bytes().startswith(b'{"midbody"')


def read_stretches(file: AnnotationFile, wanted: Wanted) -> EventList:
    rows = list(csv.reader(file.path.read_text(encoding="utf-8").splitlines(), delimiter="|"))
    found = [FoundBout(i, name, int(start), int(stop)) for i, (name, start, stop) in enumerate(rows[1:], start=2)]
    return collect_bouts(file, "stretches", found, {})


class PixelsConfig(NetworkConfig):
    """No network at all: the mean of each color."""

    name: Literal["pixels"] = "pixels"
    weights: str = "random"
    default_input_px: ClassVar[int] = 32
    embedding_length: ClassVar[int] = 3

    def build_network(self) -> Any:
        import keras

        inputs = keras.Input((32, 32, 3))
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))


def count_bouts(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = ""
) -> Iterator[ExportedFile]:
    lines = [f"{recording.id}: {len(recording.bouts['human'])}" for recording in recordings]
    yield ExportedFile("counts.txt", "\n".join(lines).encode())


def greet(arguments: Sequence[str]) -> int:
    print("hello", *arguments)
    return 0


def register(head_file: Path) -> None:
    spec = importlib.util.spec_from_file_location("conv", head_file)
    assert spec is not None and spec.loader is not None
    head = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(head)
    HEADS["conv"] = head.ConvConfig
    BACKBONES["pixels"] = PixelsConfig
    READERS["json_track"] = SimpleNamespace(DESCRIPTION="a JSON of points", matches=is_track, read=read_track)
    FORMATS["stretches"] = SimpleNamespace(
        DESCRIPTION="stretches", matches=lambda file: file.names == ["stretch|from|to"], read=read_stretches
    )
    EXPORTS["counts"] = SimpleNamespace(DESCRIPTION="counts", KEEPS_TOUCHING_BOUTS=True, files=count_bouts)
    COMMANDS["hello"] = ("tests.new_members", "greet")


if __name__ == "__main__":
    register(Path(sys.argv[1]))
    # Its choices of backbones and heads are those of the tables at this moment.
    from pipeline.config.schema import load_config

    run = str(load_config(Path(sys.argv[2])).execution.output_dir / "tiny")
    with without_figures():
        for command in ([sys.argv[2]], ["export", run, "--format", "counts"], ["hello", "there"]):
            if main(command) != 0:
                sys.exit(f"{command} failed")
