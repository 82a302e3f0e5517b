"""What the user should look at in what `init` wrote, and what only the user knows."""

from collections.abc import Iterator, Sequence

from common.wording import counted
from pipeline.dataset.equal_findings import equal_notes
from pipeline.dataset.table import PARTNER
from pipeline.starter.findings import Findings, has_geometry
from pipeline.starter.starter_yaml import LEAST_INDIVIDUALS, learnable_behaviors


def checks(findings: Findings) -> list[str]:
    """All of it, a line each, in the order of the table and the YAML."""
    return [
        *_on_individuals(findings),
        *_on_clips(findings),
        *_on_poses(findings),
        *_on_labels(findings),
        *_on_animals(findings),
        *_on_features(findings),
        *_on_crops(findings),
        *_on_events(findings),
        *_doubts(findings),
    ]


def names_of_each(findings: Findings) -> dict[str, list[str]]:
    """What a sentence about each recording may call it and its files."""
    return {
        r.id: [
            r.id,
            r.files.video.name,
            r.animal,
            *(path.name for path in r.files.poses),
            *(name for paired in r.files.annotations for name in (paired.source.path.name, paired.source.observation)),
        ]
        for r in findings.recordings
    }


def _on_individuals(findings: Findings) -> Iterator[str]:
    """Yield what the user should know of the column `individual`."""
    if not findings.facts.has_rows:
        is_guessed = any(r.individual != r.id for r in findings.recordings)
        how = "guessed from the videos' names" if is_guessed else "now every recording has its own"
        yield (
            "The column `individual`: recordings with the same name there are held out together, so all videos of one "
            f"animal must have it ({how})."
        )
        return
    videos = {r.files.video for r in findings.recordings if r.animal}
    names = {
        r.animal: {s.files.video for s in findings.recordings if s.animal == r.animal} for r in findings.recordings
    }
    repeated = [name for name, where in names.items() if name and len(where) > 1]
    is_guessed = any(r.held_out_with not in r.id for r in findings.recordings)
    said = "Animals of one video are always held out together."
    said += " Whose videos are of the same animals was guessed from their names (column `individual`)." * is_guessed
    if repeated:
        said += (
            f" {_some(repeated)} stand in several of {len(videos)} videos: these are taken for names of tracks or "
            "roles, not of individuals. If one is the same animal in several videos, write one "
            "name into `individual` of these rows: else it is on both sides of a split, and scores are too good."
        )
    elif len(videos) > 1:
        said += (
            " No name stands in two videos, so each row has an `individual` of its own. If an animal is in several "
            "videos under other names, write one name into `individual` of these rows."
        )
    yield said


def _on_clips(findings: Findings) -> Iterator[str]:
    if not findings.facts.are_clips:
        return
    yield (
        "The videos were taken as clips that were sorted into folders by what is seen in them. If these folders "
        "are no behaviors, empty the column `annotations` and name files of labels there."
    )
    n_own = sum(r.individual == r.id for r in findings.recordings)
    if n_own:
        yield (
            f"Of {counted(n_own, 'clip')} nothing tells the animal, so each has an `individual` of its own: clips "
            "of one animal stand on both sides of a fold, and scores are too good. Name the animals you know."
        )


def _on_poses(findings: Findings) -> Iterator[str]:
    facts = findings.facts
    yield from facts.poses.notes
    filtered = ["filtered" in r.files.poses[0].stem for r in findings.recordings if r.files.poses]
    if 0 < sum(filtered) < len(filtered):
        yield f"{sum(filtered)} pose files are filtered, the others are not. Better use one kind for all."
    without = [r.id for r in findings.recordings if not r.files.poses]
    if without and not findings.pose_word and facts.precomputed is None:
        yield (
            f"{counted(len(without), 'video')} without a pose file ({_some(without)}). Name it in the column "
            "`poses`, or write `blob` there (or give --blob) to have a single animal tracked in the video itself."
        )


def _on_labels(findings: Findings) -> Iterator[str]:
    """Yield what cross-validation lacks."""
    facts = findings.facts
    if not facts.n_annotated:
        yield "No annotations were paired, so nothing can be learned yet: name them in the column `annotations`."
    elif facts.n_individuals < LEAST_INDIVIDUALS:
        what = counted(facts.n_individuals, "video") if facts.has_rows else f"{facts.n_individuals} individuals"
        more = "more videos" if facts.has_rows else "videos of more animals"
        yield (
            f"Labels of {what}: cross-validation needs {LEAST_INDIVIDUALS}. Annotate {more}, or set "
            "cross_validation: none in the YAML."
        )
    kept, rare = learnable_behaviors(facts)
    if rare:
        yield (
            f"Left out of `behaviors:` in the YAML, since cross-validation needs {LEAST_INDIVIDUALS} {facts.units} "
            f"that show a behavior: {_some([f'{tally.names[0]} ({tally.n_individuals})' for tally in rare])}. Annotate "
            "it in more videos."
        )
    elif kept and facts.n_individuals >= LEAST_INDIVIDUALS > max(tally.n_individuals for tally in kept):
        yield (
            f"No behavior is shown by {LEAST_INDIVIDUALS} {facts.units}, as cross-validation needs. Annotate more "
            "videos, or set cross_validation: none in the YAML."
        )


def _on_animals(findings: Findings) -> Iterator[str]:
    """Yield what several animals of a video leave open."""
    facts = findings.facts
    if facts.poses.individuals and not facts.pair:
        yield f"The pose files hold several animals ({_some(facts.poses.individuals)}): name one in center.individual."
    without = [r.id for r in findings.recordings if not r.cells.get(PARTNER)]
    if has_geometry(facts.poses.available) and 0 < len(without) < len(findings.recordings):
        yield (
            f"{counted(len(without), 'row')} without a `partner` ({_some(without)}), so that geometry of an animal and "
            "its partner is not in `features:` of the YAML. Fill in the partners, or take these rows out of the table, "
            "and add {source: poses, partner: other}."
        )


def _on_features(findings: Findings) -> Iterator[str]:
    """Yield what poses or features without videos, and features that were made elsewhere, leave open."""
    facts, precomputed = findings.facts, findings.facts.precomputed
    if precomputed is not None:
        yield (
            f"Features that lie there are taken ({precomputed.n_features} for each frame), and no network is run. Were "
            "they made from these very recordings, and of one animal each?"
        )
    if facts.is_alone and not facts.fps:
        what = "poses" if precomputed is None else "features"
        yield (
            f"Nothing tells how many frames per second the {what} are of, on which speeds and lengths of bouts depend: "
            "write it into the column `fps` of every row."
        )


def _on_crops(findings: Findings) -> Iterator[str]:
    facts = findings.facts
    if not facts.runs_network:
        return
    if facts.poses.crop_px is None:
        yield (
            "`crop: size_px` in the YAML: how large your animal is could not be told from poses and videos. Measure "
            "it in a frame, without its tail, and write 1.5 to 2 times that; in too large a crop the network hardly "
            "sees it."
        )
    elif facts.poses.is_from_videos:
        yield (
            f"`crop: size_px` in the YAML is {facts.poses.crop_px}, since what moves in the videos is about "
            f"{facts.poses.body_px:.0f} px long: 1.5 to 2 times the animal's length without its tail is right."
        )


def _on_events(findings: Findings) -> Iterator[str]:
    if findings.facts.point_events:
        yield (
            "Point events, which have no duration, and behaviors that are in several streams of a file can't be used "
            f"as they are: {_some(findings.facts.point_events)}."
        )


def _doubts(findings: Findings) -> list[str]:
    """What labels lack; what is the same for several recordings, once."""
    lines: dict[str, list[str]] = {}
    for r in findings.recordings:
        lines.setdefault(r.id, []).extend(r.doubts)
    for finding in findings.doubts:
        lines.setdefault(finding.recording, []).append(finding.note)
    return equal_notes(lines, names_of_each(findings))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
