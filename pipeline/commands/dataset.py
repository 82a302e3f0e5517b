"""`python run_experiment.py dataset my/my.yaml --output DIR`: the crops that a network is shown, as labeled images."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.arguments import add_overrides, command_parser, output_path
from pipeline.config.schema import load_config
from pipeline.image_dataset.estimate import Estimate
from pipeline.image_dataset.folder import README, DatasetDir
from pipeline.image_dataset.formats import FORMATS
from pipeline.image_dataset.make import make_dataset
from pipeline.image_dataset.settings import DEFAULT_QUALITY, ENCODERS, JPEG, ImageSettings

_DESCRIPTION = """Writes the crops that an experiment's network is shown as images with their labels, a row per animal
and frame in images.csv: a data set for any other program (docs/dataset.md). Frames in which the animal is not observed,
or that are not scored, are left out. All images of an individual, and all animals of a video, are on one side of the
split. One that was stopped goes on with the same command, and ends as one that was not stopped."""
_EXAMPLE = """examples:
  python run_experiment.py dataset my/my.yaml --output my/images --estimate
        how many images, how long it takes and how large it gets; nothing is written
  python run_experiment.py dataset my/my.yaml --output my/images --every 5
        every fifth frame; exclusive classes lie in folders, as Keras' image_dataset_from_directory wants them
  python run_experiment.py dataset my/my.yaml --output my/shards --format webdataset --size 224
        tar shards of images of 224 x 224 px
"""


def run_dataset_command(arguments: Sequence[str]) -> int:
    """Make a data set; returns the exit code."""
    options = _parser().parse_args(arguments)
    config = load_config(options.config, options.overrides)
    settings = ImageSettings(
        every=config.frame_step if options.every is None else options.every,
        format=options.format,
        images=options.images,
        quality=options.quality,
        size_px=options.size,
        view=options.view,
        validation=options.validation,
        unlabeled=options.unlabeled,
        unobserved=options.unobserved,
    )
    folder = DatasetDir(options.output)
    plan = make_dataset(config, folder, settings, options.overwrite, _tell, options.estimate)
    if options.estimate:
        print(f"Nothing was written to {options.output}.")
    else:
        print(f"{plan.n_images:,} images: {options.output}\nHow to load them: {options.output / README}")
    return 0


def _tell(expected: Estimate) -> None:
    print(expected.in_words(), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("dataset", _DESCRIPTION, _EXAMPLE)
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml", help="an experiment with a source `frames`")
    parser.add_argument("--output", type=output_path, metavar="DIR", required=True, help="folder of the data set")
    add_overrides(parser, "change one setting of the experiment, e.g. --set crop.size_px=128")
    parser.add_argument(
        "--every", type=int, metavar="N", help="every n-th frame of each video (default: the experiment's frame_step)"
    )
    layouts = "; ".join(f"{name}: {layout.description}" for name, layout in FORMATS.items())
    parser.add_argument("--format", choices=tuple(FORMATS), default="folders", help=f"{layouts} (default: folders)")
    parser.add_argument("--images", choices=tuple(ENCODERS), default=JPEG, help="default: jpg; png keeps every pixel")
    parser.add_argument(
        "--quality", type=int, metavar="N", default=DEFAULT_QUALITY, help=f"of JPEG (default: {DEFAULT_QUALITY})"
    )
    parser.add_argument(
        "--size",
        type=int,
        metavar="PX",
        help="side of the images (default: crop.size_px, as they are cut out; around boxes what the network sees)",
    )
    parser.add_argument("--view", type=int, metavar="N", default=1, help="which of several crops (default: the first)")
    parser.add_argument(
        "--validation", type=float, metavar="SHARE", default=0.0,
        help="share of the training images that becomes the split `validation`, whole individuals (default: none)",
    )  # fmt: skip
    parser.add_argument("--unlabeled", action="store_true", help="also frames that are not scored, in a folder apart")
    parser.add_argument("--unobserved", action="store_true", help="also frames in which the animal is not observed")
    parser.add_argument("--estimate", action="store_true", help="only say how long it will take and how large it gets")
    parser.add_argument("--overwrite", action="store_true", help="delete a data set that lies in the folder")
    return parser
