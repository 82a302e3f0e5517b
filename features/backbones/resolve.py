"""Which network with which weights is really used, decided before anything slow starts."""

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import InputError
from common.files import sha256_of
from features.backbones.base import ImageNetConfig, NetworkConfig, PublishedWeights
from features.backbones.compact import CompactConfig
from features.backbones.download import WeightsUnavailableError, download_published, find_published, keras_models_dir

log = logging.getLogger(__name__)

RANDOM_WEIGHTS_VERSION = 1
"""Raised when ``randomize`` draws other numbers from the same seed."""


@dataclass(frozen=True)
class ResolvedBackbone:
    """A backbone whose weights are at hand.

    `config` is what is used, after any fallback; `note` says so in plain words where it isn't what was asked for.
    Random weights have no path, and the hash of what determines them.
    """

    config: NetworkConfig
    requested_name: str
    weights_path: Path | None
    weights_sha256: str
    note: str = ""

    @property
    def weights_label(self) -> str:
        """The weights in a word or a file name, for provenance."""
        return self.config.weights if self.weights_path is None else self.weights_path.name


def resolve_backbone(config: NetworkConfig, seed: int) -> ResolvedBackbone:
    """Find (or download) a backbone's weights, or fall back as its settings say; the seed determines random ones.

    Takes seconds at most where there is no connection, and doesn't import TensorFlow unless
    something has to be downloaded.

    Raises
    ------
    InputError
        When the weights file doesn't exist, a shipped one is damaged, or the ImageNet weights can't be had and
        ``weights_if_unavailable`` is ``error``.
    """
    shipped = config.shipped_weights()
    if shipped is not None:
        return ResolvedBackbone(config, config.name, shipped, sha256_of(shipped))
    if not (isinstance(config, ImageNetConfig) and config.weights == "imagenet"):
        return _at_hand(config, seed)
    published = config.published_weights()
    try:
        path = find_published(published) or download_published(published)
    except WeightsUnavailableError as error:
        return _fall_back(config, seed, published, str(error))
    return ResolvedBackbone(config, config.name, path, sha256_of(path))


def _at_hand(config: NetworkConfig, seed: int) -> ResolvedBackbone:
    """Random weights, or a file that the user names."""
    if config.weights == "random":
        determinants = RANDOM_WEIGHTS_VERSION, config.name, sorted(config.architecture.items()), seed
        return ResolvedBackbone(
            config, config.name, None, hashlib.sha256(repr(determinants).encode("utf-8")).hexdigest()
        )
    path = Path(config.weights).expanduser()
    if not path.is_file():
        default = type(config).model_fields["weights"].default
        raise InputError(
            f"There is no weights file at {path} (backbone.weights of {config.name}). Expected the path of "
            f"a Keras weights file (.weights.h5 or .h5), or one of the words: random, {default}."
        )
    return ResolvedBackbone(config, config.name, path, sha256_of(path))


def _fall_back(config: ImageNetConfig, seed: int, published: PublishedWeights, why: str) -> ResolvedBackbone:
    """Do what ``weights_if_unavailable`` says."""
    choice = config.weights_if_unavailable
    if choice == "error":
        raise InputError(
            f"The ImageNet weights of {config.name} are not on this computer and can't be downloaded: {why}. "
            f"Download {published.url} on a computer with a connection and put the file, under its own "
            f"name, into {keras_models_dir()}; or set backbone.weights to the path of a weights file; or set "
            "backbone.weights_if_unavailable to compact, to use the small backbone that comes with Rearview "
            "instead; or choose mobilenet_v2 with alpha 0.35 at 224 px, whose ImageNet weights come with Rearview."
        )
    used: NetworkConfig = CompactConfig()
    if choice == "compact":
        words = f"the compact backbone that comes with Rearview was used, not {config.name}"
    else:
        used = config.model_copy(update={"weights": "random"})
        words = f"{config.name} was used with random weights, which have learned nothing"
    note = (
        f"The ImageNet weights of {config.name} could not be had ({why}), so {words}. "
        f"Scores of this run say nothing about {config.name}."
    )
    log.warning(note)
    return replace(resolve_backbone(used, seed), requested_name=config.name, note=note)
