"""Which network, frame step, window and cross-validation a first experiment gets, and how long it then takes here.

Nothing is run: what a crop and a training step cost stands here, in the time of so many products of large matrices
(GFLOP), and `Speed` says how many of these the computer does in a second. The numbers were measured on two processors
with AVX-512; elsewhere estimates are good to about a factor of two.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from models.settings import TrainingConfig
from pipeline.scoring.postprocessing.tuning import TuningConfig

OVERNIGHT_S = 10 * 3600.0
MOST_HEADS = 200
FEWER_PARTS = 5
WINDOW_FRAMES = 300
_LEAST_WINDOW_FRAMES = 30
"""At every frame; so that one odd recording of a few frames does not cut all the others to pieces."""
_SHORT_SHARE = 0.1
_LEAST_FPS = 10.0
"""Analysed frames per second: a bout of half a second has five."""
_STARTING_S = 60.0
"""Loading, checks, report."""
_MOST_WORKERS = 8
_ONE_IN = 8
_STEP_GFLOP, _FRAME_GFLOP, _FEATURE_GFLOP = 0.8, 1.9e-3, 2.3e-6
"""A training step of the starter's head costs so much, and for each of its frames and each feature of a frame."""


class Network(NamedTuple):
    """A backbone that may be proposed: its name, its keys in the YAML, what a crop costs by engine, its features."""

    words: str
    backbone: str
    crop_gflop: Mapping[str, float]
    n_features: int


NETWORKS: dict[str, Network] = {
    "compact": Network("compact", "{name: compact}", {"openvino": 0.1, "tensorflow": 0.17}, 320),
    "mobilenet_v2": Network(
        "MobileNetV2", "{name: mobilenet_v2, alpha: 0.35}", {"openvino": 0.3, "tensorflow": 1.2}, 1280
    ),
    "resnet50v2": Network(
        "ResNet50V2",
        "{name: resnet50v2, weights_if_unavailable: compact}",
        {"openvino": 8.0, "tensorflow": 9.5},
        2048,
    ),
}
PUBLISHED = "resnet50v2"
MOVEMENT = "compact"
"""The network that is shown three moments beside the one that is proposed."""
WITHOUT_GPU = ("mobilenet_v2", "compact")
"""Best first. The published one is not among them: on a processor it takes thirty times as long as MobileNetV2, which
tells behavior on real video (benchmarks/README.md) and comes with its weights."""


class Speed(NamedTuple):
    """What this computer does in a second: pixels of video decoded, GFLOP of matrix products by all its cores.

    `engine` runs networks here. `decoded_px` is 0 where there is no video.
    """

    decoded_px: float
    gflop: float
    engine: str
    n_cores: int


@dataclass(frozen=True)
class Work:
    """What an experiment has to do, as far as the folder tells.

    `n_frames` are those of each row of the table, `n_labeled` of those with labels (unknown lengths are left out), of
    `n_groups` that are held out as a whole. `decoded_px` are the pixels of all frames of all videos, `fps` their
    highest rate (0 = unknown). `n_heads` are trained in each fold. `runs_network`: features come from crops, and from
    three moments where `has_movement`; `n_other` features come from elsewhere. `is_in_parts`: held out in a few parts
    anyway.
    """

    n_frames: tuple[int, ...]
    n_labeled: tuple[int, ...]
    n_groups: int
    n_heads: int = 1
    decoded_px: float = 0.0
    fps: float = 0.0
    runs_network: bool = True
    has_movement: bool = True
    n_other: int = 0
    is_in_parts: bool = False


class Choice(NamedTuple):
    """A network ("" = none is run), every how many frames are analysed, parts that are held out (0 = each animal)."""

    network: str
    frame_step: int
    parts: int


class Cost(NamedTuple):
    """Seconds of all features and of all heads, how many heads, and what `postprocess: tune` adds to the two."""

    features_s: float
    heads_s: float
    n_heads: int
    n_tuned: int
    tuned_s: float

    @property
    def total_s(self) -> float:
        """Until the report is there."""
        return _STARTING_S + self.features_s + self.heads_s


@dataclass(frozen=True)
class Proposal:
    """What is written into the YAML, and what is said beside it.

    `n_heads` are trained; `n_heads_each` would be if each animal were held out, where five parts are instead (else 0).
    `costs` are those of some networks, the chosen one among them; `part_costs` of each animal and of parts held out,
    where these are proposed. Both are empty where nothing was measured, which with a GPU (`has_gpu`) nothing is.
    """

    choice: Choice = field(default_factory=lambda: Choice("compact", 1, 0))
    window_frames: int = WINDOW_FRAMES
    is_window_short: bool = False
    n_heads: int = 0
    n_heads_each: int = 0
    has_gpu: bool = False
    costs: tuple[tuple[Choice, Cost], ...] = ()
    part_costs: tuple[tuple[Choice, Cost], ...] = ()

    @property
    def network(self) -> Network:
        """The backbone of the YAML."""
        return NETWORKS[self.choice.network or "compact"]

    @property
    def cost(self) -> Cost | None:
        """Of what is written; None where nothing was measured."""
        return dict(self.costs).get(self.choice)


def propose(work: Work, speed: Speed | None) -> Proposal:
    """Choose what ends overnight.

    It is the first that does of these: the best network on every frame, on every second, and so on; the same with five
    parts held out in place of each animal, which comes first where that makes more than `MOST_HEADS` heads; the next
    network. If nothing ends overnight, it is what is quickest.

    Parameters
    ----------
    work : Work
    speed : Speed or None
        None with a GPU: the published network on every frame then.
    """
    partings = list(_partings(work))
    if speed is None:
        choice = Choice(PUBLISHED * work.runs_network, 1, partings[0])
        return _proposal(work, choice, None)
    steps = range(1, max(1, math.floor(work.fps / _LEAST_FPS + 1e-6)) + 1)
    if work.runs_network:
        choices = [Choice(name, step, parts) for name in WITHOUT_GPU for parts in partings for step in steps]
    else:
        choices = [Choice("", 1, parts) for parts in partings]
    taken_s = {choice: cost_of(work, speed, choice).total_s for choice in choices}
    quickest = min(choices, key=lambda choice: taken_s[choice])
    chosen = next((choice for choice in choices if taken_s[choice] <= OVERNIGHT_S), quickest)
    return _proposal(work, chosen, speed, steps[-1])


def window_frames(n_frames: Sequence[int], frame_step: int) -> int:
    """Analysed frames of a window: as long as that of the thesis in time, but no longer than the shortest recordings.

    The shortest are a tenth of them. Lengths are in frames of the video; 0 is unknown.
    """
    usual, least = (math.ceil(frames / frame_step) for frames in (WINDOW_FRAMES, _LEAST_WINDOW_FRAMES))
    analysed = sorted(math.ceil(n / frame_step) for n in n_frames if n)
    if not analysed:
        return usual
    short = analysed[int(_SHORT_SHARE * len(analysed))]
    return min(usual, max(short, min(least, analysed[-1])))


def cost_of(work: Work, speed: Speed, choice: Choice) -> Cost:
    """How long an experiment takes, and how many heads it trains."""
    movement = MOVEMENT if work.runs_network and work.has_movement else ""
    networks = [NETWORKS[name] for name in (choice.network, movement) if name]
    n_analysed = sum(math.ceil(n / choice.frame_step) for n in work.n_frames)
    crop_gflop = sum(network.crop_gflop[speed.engine] for network in networks)
    decoding_s = work.decoded_px / speed.decoded_px if speed.decoded_px and networks else 0.0
    n_features = work.n_other + sum(network.n_features for network in networks)
    n_folds = _n_folds(work, choice.parts)
    n_heads, n_tuned = work.n_heads * (n_folds + 1), work.n_heads * n_folds * (TuningConfig().inner_folds + 1)
    n_steps, n_tuned_steps = (work.n_heads * steps for steps in _steps(work, choice))
    window = window_frames(work.n_labeled, choice.frame_step)
    n_step_frames = TrainingConfig().batch_windows * window
    step_gflop = _STEP_GFLOP + n_step_frames * (_FRAME_GFLOP + _FEATURE_GFLOP * n_features)
    step_s = step_gflop / speed.gflop * speed.n_cores / min(speed.n_cores, _MOST_WORKERS, n_heads)
    return Cost(
        decoding_s + n_analysed * crop_gflop / speed.gflop, n_steps * step_s, n_heads, n_tuned, n_tuned_steps * step_s
    )


def _partings(work: Work) -> Iterator[int]:
    """Yield the ways to hold out, best first."""
    if work.is_in_parts or (work.n_groups + 1) * work.n_heads <= MOST_HEADS or work.n_groups <= FEWER_PARTS:
        yield FEWER_PARTS if work.is_in_parts else 0
    if work.n_groups > FEWER_PARTS and not work.is_in_parts:
        yield FEWER_PARTS


def _n_folds(work: Work, parts: int) -> int:
    return min(parts, work.n_groups) if parts else work.n_groups


def _steps(work: Work, choice: Choice) -> tuple[float, float]:
    """Training steps of a head in all folds and of the final one, and those that `postprocess: tune` adds."""
    window = window_frames(work.n_labeled, choice.frame_step)
    training = TrainingConfig(window_frames=window)
    n_windows = sum(math.ceil(math.ceil(n / choice.frame_step) / window) for n in work.n_labeled)
    n_folds, n_groups = _n_folds(work, choice.parts), max(1, work.n_groups)
    n_left = n_groups - n_groups / max(1, n_folds)
    n_validation = max(1, round(n_left / _ONE_IN)) if choice.parts else 1

    def frames_of(n: float) -> list[int]:
        """Recordings of so many of the groups, in windows."""
        return [window] * max(1, round(n_windows * n / n_groups))

    left, train = frames_of(n_left), frames_of(n_left - n_validation)
    final = training.best_epoch() * training.steps_per_epoch(frames_of(n_groups))
    n_inner = TuningConfig().inner_folds
    inner = n_inner * training.best_epoch() * training.steps_per_epoch(frames_of(n_left * (1 - 1 / n_inner)))
    tuned = inner + training.expected_steps(frames_of(n_left * (1 - 1 / n_inner)))
    return n_folds * training.expected_steps(train, left) + final, n_folds * tuned


def _proposal(work: Work, choice: Choice, speed: Speed | None, most_step: int = 1) -> Proposal:
    """With the costs that are told beside it."""
    window = window_frames(work.n_labeled, choice.frame_step)
    is_short = window < math.ceil(WINDOW_FRAMES / choice.frame_step)
    n_heads, n_each = (work.n_heads * (_n_folds(work, parts) + 1) for parts in (choice.parts, 0))
    is_fewer = bool(choice.parts) and not work.is_in_parts
    proposal = Proposal(choice, window, is_short, n_heads, n_each * is_fewer)
    if speed is None:
        return replace(proposal, has_gpu=work.runs_network)
    others = {"compact": 1, "mobilenet_v2": most_step, PUBLISHED: 1} if work.runs_network else {}
    told = [Choice(name, step, choice.parts) for name, step in others.items()]
    told = [choice if each.network == choice.network else each for each in told] or [choice]
    ways = [choice._replace(parts=parts) for parts in (0, FEWER_PARTS)] * is_fewer
    costs, part_costs = (tuple((each, cost_of(work, speed, each)) for each in some) for some in (told, ways))
    return replace(proposal, costs=costs, part_costs=part_costs)
