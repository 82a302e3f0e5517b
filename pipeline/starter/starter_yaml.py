"""The text of a starter experiment (`starter.yaml.j2`): what was found, with a remark beside every choice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.dataset.pairing.table_cells import safe_name
from pipeline.starter.labels import CONSENSUS, BehaviorTally
from pipeline.starter.poses import PoseAdvice
from pipeline.starter.proposal import Proposal
from pipeline.starter.proposal_words import cost_line, every, heads_words, part_words, tuned_words

LEAST_INDIVIDUALS = 3
_USUAL_FPS = 30.0
_LEAST_FPS = 5.0
"""Below it, moments 0.2 s apart are no whole frame apart."""


@dataclass(frozen=True)
class Precomputed:
    """Features that were made elsewhere.

    `files`: the setting of this name; "" where the column `video` of the table names them. `frame_step`: they have a
    row for every so many frames. `n_features` are the columns.
    """

    files: str
    frame_step: int
    n_features: int


@dataclass(frozen=True)
class StarterFacts:
    """What a starter experiment is written from.

    `name` is the run's, safe as a folder name; `recordings` the path of the table, as the command line will find it.
    `point_events` and `other_columns` are names in the annotations that can't be behaviors. `annotators` are everyone's
    names, `annotator` is whose labels are used (None where nobody must be named). `n_annotated` counts annotated
    recordings, `n_individuals` the animals in them. `fps` is the highest frame rate of the videos; 0 = unknown.
    `are_clips`: they are clips that were sorted into folders by behavior. `is_alone`: poses without videos.
    `is_exclusive`: each frame is of one class. `are_sequences`: recordings of a file that holds several and their
    labels. `pair`: two animals whose labels are of both; `is_pair_named`: pose files hold others as well. `has_rows`: a
    video has a row for each animal; `has_partners`: and each row names the other one of two, with keypoints that tell
    the geometry of both. `n_individuals` counts videos then. `precomputed`: features that lie there. `proposal`:
    network, frame step, window and cross-validation. `passed_over`: files that were not used, by reason, in sentences.
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
    are_clips: bool = False
    is_alone: bool = False
    is_exclusive: bool = False
    are_sequences: bool = False
    pair: tuple[str, ...] = ()
    has_rows: bool = False
    has_partners: bool = False
    is_pair_named: bool = False
    precomputed: Precomputed | None = None
    proposal: Proposal = field(default_factory=Proposal)
    passed_over: tuple[str, ...] = ()

    @property
    def runs_network(self) -> bool:
        """Whether features are made by a network from crops of videos."""
        return not (self.pair or self.is_alone or self.precomputed)

    @property
    def has_movement(self) -> bool:
        """Whether frames lie close enough to show a network what moved."""
        return not 0 < self.fps < _LEAST_FPS

    @property
    def is_in_parts(self) -> bool:
        """Whether there are too many recordings, of too few animals that are known, to hold each out."""
        return self.are_clips or self.are_sequences

    @property
    def units(self) -> str:
        """What is held out as a whole, in words."""
        return "videos" if self.has_rows else "animals"


def starter_yaml(facts: StarterFacts) -> str:
    """The experiment as YAML; only what a lab may want to change, everything else has its default."""
    kept, rare = learnable_behaviors(facts)
    taken: set[str] = set()
    path, proposal = facts.recordings, facts.proposal
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"scalar": scalar, "comment": _comment, "one_or_list": _one_or_list}
    return environment.get_template("starter.yaml.j2").render(
        facts=facts,
        poses=facts.poses,
        is_absolute=PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute(),
        annotators=", ".join(name or "somebody not named" for name in facts.annotators),
        consensus=CONSENSUS,
        kept=[(_key(tally.names[0], taken), tally) for tally in kept],
        rare=[(_key(tally.names[0], taken), tally) for tally in rare],
        unlearnable=[tally for tally in facts.behaviors if tally not in (*kept, *rare)],
        behavior_line=lambda key, tally: _behavior_line(key, tally, facts.n_annotated),
        least=LEAST_INDIVIDUALS,
        lack=_lack_of_individuals(facts, kept),
        proposal=proposal,
        frame_step=round(facts.fps / _USUAL_FPS),
        every=every,
        cost_lines=[cost_line(choice, cost, proposal) for choice, cost in proposal.costs],
        heads_words=heads_words(proposal),
        window_words=_window_words(facts),
        part_words=part_words(proposal),
        tuned_words=tuned_words(proposal),
        least_fps=_LEAST_FPS,
        min_bout_s=_min_bout_s(facts),
        background=next((tally.names[0] for tally in facts.behaviors if tally.is_nothing and tally.n_bouts), None),
    )


def learnable_behaviors(facts: StarterFacts) -> tuple[list[BehaviorTally], list[BehaviorTally]]:
    """Behaviors for the experiment, and those that too few animals show to be cross-validated beside them."""
    seen = [tally for tally in facts.behaviors if tally.n_bouts and not tally.is_nothing]
    rare = [tally for tally in seen if tally.n_individuals < LEAST_INDIVIDUALS]
    return ([tally for tally in seen if tally not in rare], rare) if len(rare) < len(seen) else (seen, [])


def scalar(text: str) -> str:
    """A text as YAML reads it back: plain where that is possible, else in quotes."""
    plain = text.replace("_", "").replace("/", "").replace(" ", "").isalnum() and text == text.strip()
    if plain and _reads_back(text):
        return text
    letters = (f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08X}" for c in text)
    return f'"{"".join(letters)}"'


def _reads_back(text: str) -> bool:
    try:
        return bool(YAML(typ="safe", pure=True).load(f"{text}: {text}\n") == {text: text})
    except (YAMLError, ValueError):
        return False


def _one_or_list(names: Sequence[str]) -> str:
    texts = [scalar(name) for name in names]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _comment(text: str) -> str:
    """A text that stays within its remark."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _behavior_line(key: str, tally: BehaviorTally, n_annotated: int) -> str:
    counted = f"{tally.n_bouts} bouts, {tally.n_frames} frames, in {len(tally.recordings)} of {n_annotated} recordings"
    merged = "; written in several ways, merged here" if len(tally.names) > 1 else ""
    return f"{scalar(key)}: {_one_or_list(tally.names)}   # {counted}{merged}"


def _min_bout_s(facts: StarterFacts) -> float:
    """A shortest bout that does not drop what the humans themselves call one."""
    lengths_s = (tally.short_frames / facts.fps for tally in facts.behaviors if tally.n_bouts and facts.fps)
    return min(0.5, int(min(lengths_s, default=0.5) * 20) / 20)


def _window_words(facts: StarterFacts) -> str:
    """How long a window is, and why it is shorter than usual."""
    proposal, precomputed = facts.proposal, facts.precomputed
    step = precomputed.frame_step if precomputed else proposal.choice.frame_step
    length_s = f": {proposal.window_frames * step / facts.fps:.2g} s" if facts.fps else ""
    return length_s + ("; your shortest recordings have no more" if proposal.is_window_short else "")


def _lack_of_individuals(facts: StarterFacts, kept: Sequence[BehaviorTally]) -> str:
    """What cross-validation lacks; "" where nothing."""
    whose = "VIDEOS" if facts.has_rows else "INDIVIDUALS"
    if facts.n_individuals < LEAST_INDIVIDUALS:
        return f"{whose} WITH LABELS; found: {facts.n_individuals}."
    n_showing = max((tally.n_individuals for tally in kept), default=facts.n_individuals)
    if n_showing < LEAST_INDIVIDUALS:
        return f"{whose} THAT SHOW THE BEHAVIOR; no behavior is shown by more than {n_showing}."
    return ""


def _key(name: str, taken: set[str]) -> str:
    """A safe name of our own that no other behavior and no column of the predictions has."""
    plain = safe_name(f"class_{name}" if name.isdigit() else name, "behavior")
    choices = [plain, *(f"{plain}_{number}" for number in range(2, 1000))]
    free = next(key for key in choices if not _clashes(key.casefold(), taken))
    taken.add(free.casefold())
    return free


def _clashes(key: str, taken: set[str]) -> bool:
    columns = {"frame", "time_s"}
    return key in taken | columns or key.removesuffix("_probability") in taken or f"{key}_probability" in taken
