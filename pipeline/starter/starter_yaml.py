"""The text of a starter experiment: what was found in a lab's files, with a remark beside every choice."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.dataset.pairing.table_cells import safe_name
from pipeline.starter.labels import CONSENSUS, BehaviorTally
from pipeline.starter.poses import PoseAdvice

LEAST_INDIVIDUALS = 3
_USUAL_FPS = 30.0
_PLACEHOLDER = "my_behavior"
_DEFAULT_CROP_PX = 160
_TOO_RARE = f"left out: cross-validation needs {LEAST_INDIVIDUALS} animals that show it"


@dataclass(frozen=True)
class StarterFacts:
    """What a starter experiment is written from.

    Attributes
    ----------
    name : str
        Of the run; safe as a folder name.
    recordings : str
        Path of the table, as the command line will find it.
    behaviors : tuple of BehaviorTally
    point_events, other_columns : tuple of str
        Names in the annotations that can't be behaviors.
    annotators : tuple of str
        Everyone's names.
    annotator : str or None
        Whose labels are used; None where nobody must be named.
    n_annotated, n_individuals : int
        Annotated recordings, and the individuals in them.
    poses : PoseAdvice
    fps : float
        The highest frame rate of the videos; 0 = unknown.
    """

    name: str
    recordings: str
    behaviors: tuple[BehaviorTally, ...] = ()
    point_events: tuple[str, ...] = ()
    other_columns: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()
    annotator: str | None = None
    n_annotated: int = 0
    n_individuals: int = 0
    poses: PoseAdvice = field(default_factory=PoseAdvice)
    fps: float = 0.0


def starter_yaml(facts: StarterFacts) -> str:
    """The experiment as YAML; only what a lab may want to change, everything else has its default."""
    blocks = [
        [
            "# Written by `init` from what it found. Look through it once: lines with a remark are choices of yours.",
            "# All settings, with units and defaults: experiments/README.md",
            f"name: {scalar(facts.name)}",
            "",
            f"recordings: {scalar(facts.recordings)}{_from_where(facts.recordings)}",
        ],
        _annotator_lines(facts),
        _behavior_lines(facts),
        _center_lines(facts.poses),
        _crop_lines(facts.poses),
        _frame_step_lines(facts.fps),
        _LEARNING.splitlines(),
        _cross_validation_lines(facts),
        _postprocess_lines(facts),
        _END.splitlines(),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _from_where(path: str) -> str:
    absolute = PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()
    return "" if absolute else "   # relative to the folder in which the command is run"


def scalar(text: str) -> str:
    """A text as YAML reads it back: plain where that is possible, else in quotes."""
    plain = text.replace("_", "").replace("/", "").replace(" ", "").isalnum() and text == text.strip()
    return text if plain and _reads_back(text) else _quoted(text)


def _quoted(text: str) -> str:
    letters = (f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08X}" for c in text)
    return f'"{"".join(letters)}"'


def _reads_back(text: str) -> bool:
    try:
        return bool(YAML(typ="safe", pure=True).load(f"{text}: {text}\n") == {text: text})
    except (YAMLError, ValueError):
        return False


def _annotator_lines(facts: StarterFacts) -> list[str]:
    if facts.annotator is None:
        return []
    return [
        f"# Labels of {_comment(', '.join(name or 'somebody not named' for name in facts.annotators))}. Which are "
        "learned from: one of these names, or union (anyone),",
        f"# intersection (everyone), {CONSENSUS} (more than half; of two: where they agree).",
        f"annotations: {scalar(facts.annotator)}",
    ]


def learnable_behaviors(facts: StarterFacts) -> tuple[list[BehaviorTally], list[BehaviorTally]]:
    """Behaviors for the experiment, and those that too few animals show to be cross-validated beside them."""
    seen = [tally for tally in facts.behaviors if tally.n_bouts and not tally.is_nothing]
    rare = [tally for tally in seen if tally.n_individuals < LEAST_INDIVIDUALS]
    return ([tally for tally in seen if tally not in rare], rare) if len(rare) < len(seen) else (seen, [])


def _behavior_lines(facts: StarterFacts) -> list[str]:
    lines = ["# our name: name in your annotations (several to merge: [name, other name])",
             "behaviors:"]  # fmt: skip
    taken: set[str] = set()
    kept, rare = learnable_behaviors(facts)
    for tally in (*kept, *rare):
        line = f"{scalar(_key(tally.names[0], taken))}: {_theirs(tally)}   # {_counted(tally, facts.n_annotated)}"
        lines.append(f"  {line}" if tally in kept else f"  # {line}; {_TOO_RARE}")
    if not kept:
        lines.append(f"  {_PLACEHOLDER}: {_PLACEHOLDER}   # no labels could be read: write your own names here")
    for tally in facts.behaviors:
        if tally not in (*kept, *rare):
            why = "says that nothing was seen" if tally.n_bouts else "never occurs, so nothing can be learned from it"
            lines.append(f"  # {_comment(tally.names[0])}: {why}")
    if facts.point_events:
        lines.append(f"  # Point events have no duration and can't be used: {_comment(', '.join(facts.point_events))}")
        lines.append("  # (make them state events in BORIS if you need them).")
    if facts.other_columns:
        shown = ", ".join(facts.other_columns[:12]) + (" and more" if len(facts.other_columns) > 12 else "")
        lines.append(f"  # Columns that hold something else than 1, 0 or empty: {_comment(shown)}")
    return lines


def _postprocess_lines(facts: StarterFacts) -> list[str]:
    """Fixed settings, with a shortest bout that does not drop what the humans themselves call one."""
    shortest_s = min(
        (tally.short_frames / facts.fps for tally in facts.behaviors if tally.n_bouts and facts.fps), default=0.5
    )
    min_bout_s = min(0.5, int(shortest_s * 20) / 20)
    why = "shorter bouts are dropped" + ("; one in twenty of yours is hardly longer" if min_bout_s < 0.5 else "")
    return [
        "postprocess:                  # or: postprocess: tune",
        "  threshold: 0.5",
        "  max_gap_s: 0.3              # shorter gaps within a bout are closed",
        f"  min_bout_s: {min_bout_s:<15g} # {why}",
    ]


def _key(name: str, taken: set[str]) -> str:
    """A safe name of our own that no other behavior and no column of the predictions has."""
    plain = safe_name(f"class_{name}" if name.isdigit() else name, "behavior")
    choices = [plain, *(f"{plain}_{number}" for number in range(2, 1000))]
    free = [key for key in choices if not _clashes(key.casefold(), taken)]
    taken.add(free[0].casefold())
    return free[0]


def _clashes(key: str, taken: set[str]) -> bool:
    columns = {"frame", "time_s"}
    return key in taken | columns or key.removesuffix("_probability") in taken or f"{key}_probability" in taken


def _theirs(tally: BehaviorTally) -> str:
    names = [scalar(name) for name in tally.names]
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _counted(tally: BehaviorTally, n_annotated: int) -> str:
    text = f"{tally.n_bouts} bouts, {tally.n_frames} frames, in {len(tally.recordings)} of {n_annotated} recordings"
    if len(tally.names) > 1:
        text += "; written in several ways, merged here"
    return text


def _center_lines(poses: PoseAdvice) -> list[str]:
    lines = ["# Around which point the crop is cut: a keypoint, or a list to average."]
    if not poses.keypoints:
        return [
            *lines,
            "# No pose file could be read: write the name of a keypoint near the middle of the body (with `blob` in",
            "# the table it is not used).",
            "center:",
            "  keypoints: midbody",
        ]
    lines.append(f"# Your pose files have: {_comment(', '.join(poses.available))}")
    if poses.keypoints != ("midbody",):
        lines.append("# There is no midbody, so this was chosen as the point nearest to the middle of the body. Right?")
    names = [scalar(name) for name in poses.keypoints]
    lines += ["center:", f"  keypoints: {names[0] if len(names) == 1 else '[' + ', '.join(names) + ']'}"]
    if poses.individuals:
        lines.append(f"  # The files hold {_comment(' and '.join(poses.individuals))}. Say whose behavior is meant:")
        lines.append(f"  # individual: {scalar(poses.individuals[0])}")
    return [*lines, "  min_likelihood: 0.6        # a keypoint below this is taken as not seen"]


def _crop_lines(poses: PoseAdvice) -> list[str]:
    lines = ["# The square around the center, in pixels of the video."]
    if poses.crop_px is None or poses.body_px is None:
        lines += [
            "# How large your animal is could not be told from poses and videos: measure it in a frame, without its",
            "# tail, and write 1.5 to 2 times that.",
        ]
    elif poses.is_from_videos:
        lines += [
            f"# By what moves in the videos your animals are {poses.body_px:.0f} px long without the tail; 1.5 to 2",
            "# times that shows the whole animal. Check it in the report's film strips.",
        ]
    else:
        lines += [
            f"# From snout to tail base your animals are {poses.body_px:.0f} px long; 1.5 to 2 times that shows",
            "# the whole animal. Check it in the report's film strips.",
        ]
    return [*lines, "crop:", f"  size_px: {poses.crop_px or _DEFAULT_CROP_PX}"]


def _frame_step_lines(fps: float) -> list[str]:
    step = round(fps / _USUAL_FPS)
    if step < 2:
        return []
    return [
        f"# Your videos have up to {fps:g} frames per second. With {step} here every {_ordinal(step)} frame is",
        f"# analysed, which takes a {_fraction(step)} of the time; predictions still cover every frame.",
        "frame_step: 1",
    ]


def _ordinal(step: int) -> str:
    return {2: "second", 3: "third"}.get(step, f"{step}th")


def _fraction(step: int) -> str:
    return {2: "half", 3: "third"}.get(step, f"{step}th")


def _cross_validation_lines(facts: StarterFacts) -> list[str]:
    lines = ["# Every animal with labels is held out once and scored by heads that never saw it."]
    n_showing = max((tally.n_individuals for tally in learnable_behaviors(facts)[0]), default=facts.n_individuals)
    if facts.n_individuals < LEAST_INDIVIDUALS:
        lack = f"INDIVIDUALS WITH LABELS; found: {facts.n_individuals}."
    else:
        lack = f"INDIVIDUALS THAT SHOW THE BEHAVIOR; no behavior is shown by more than {n_showing}."
    if min(n_showing, facts.n_individuals) < LEAST_INDIVIDUALS:
        lines += [
            f"# THIS NEEDS {LEAST_INDIVIDUALS} {lack} Annotate videos of more animals,",
            "# or write `none`: heads are then trained on all labels and can predict, but nobody can say how well.",
        ]
    return [*lines, "cross_validation: leave_one_video_out"]


def _comment(text: str) -> str:
    """A text that stays within its remark."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


_LEARNING = """\
backbone:
  name: resnet50v2
  weights: imagenet
  weights_if_unavailable: compact   # without a connection: the small network of our own, and the report says so

head:
  name: lstm
  layers: 3
  units: 64
  halving: true
  bidirectional: true
  dropout: 0.5

training:
  window_frames: 300
  batch_windows: 8
  epochs: 50
  patience: 5
  learning_rate: 0.001"""

_END = "seed: 0"
