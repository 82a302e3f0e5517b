"""Which network with which weights is really used, decided before anything slow starts."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    Attributes
    ----------
    config : NetworkConfig
        What is used, after any fallback.
    requested_name : str
        The backbone that was asked for.
    weights_path : Path or None
        The weights file; None for random weights.
    weights_sha256 : str
        Hash of that file; for random weights, of what determines them.
    note : str
        Plain words when something else than what was asked for is used, else "".
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
    """Find (or download) a backbone's weights, or fall back as its settings say.

    Takes seconds at most where there is no connection, and doesn't import TensorFlow unless
    something has to be downloaded.

    Parameters
    ----------
    config : NetworkConfig
        The backbone that was asked for.
    seed : int
        Determines random weights.

    Raises
    ------
    InputError
        When the weights file doesn't exist, or the ImageNet weights can't be had and
        ``weights_if_unavailable`` is ``error``.
    """
    if not (isinstance(config, ImageNetConfig) and config.weights == "imagenet"):
        return _at_hand(config, seed)
    published = config.published_weights()
    try:
        path = find_published(published) or download_published(published)
    except WeightsUnavailableError as error:
        return _fall_back(config, seed, published, str(error))
    return ResolvedBackbone(config, config.name, path, sha256_of(path))


def _at_hand(config: NetworkConfig, seed: int) -> ResolvedBackbone:
    """Random weights, shipped ones, or a file that the user names."""
    if config.weights == "random":
        return ResolvedBackbone(config, config.name, None, _random_sha256(config, seed))
    path = config.shipped_weights() or Path(config.weights).expanduser()
    if not path.is_file():
        raise InputError(
            f"There is no weights file at {path} (backbone.weights of {config.name}). Expected the path of "
            f"a Keras weights file (.weights.h5 or .h5), or one of the words: {', '.join(_words(config))}."
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
            "instead."
        )
    used: NetworkConfig
    if choice == "compact":
        used = CompactConfig()
        words = f"the compact backbone that comes with Rearview was used, not {config.name}"
    else:
        used = config.model_copy(update={"weights": "random"})
        words = f"{config.name} was used with random weights, which have learned nothing"
    note = (
        f"The ImageNet weights of {config.name} could not be had ({why}), so {words}. "
        f"Scores of this run say nothing about {config.name}."
    )
    log.warning(note)
    resolved = _at_hand(used, seed)
    return ResolvedBackbone(resolved.config, config.name, resolved.weights_path, resolved.weights_sha256, note)


def _words(config: NetworkConfig) -> list[str]:
    default = type(config).model_fields["weights"].default
    return ["random"] + ([default] if isinstance(default, str) else [])


def _random_sha256(config: NetworkConfig, seed: int) -> str:
    determinants: tuple[Any, ...] = (
        RANDOM_WEIGHTS_VERSION,
        config.name,
        sorted(config.architecture.items()),
        seed,
    )
    return hashlib.sha256(repr(determinants).encode("utf-8")).hexdigest()
