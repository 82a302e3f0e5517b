"""What `init` says: the pairs, what is left over and why, what to check, and what to do next."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.dataset.equal_findings import equal_notes
from pipeline.dataset.pairing.pairing import PairedAnnotation
from pipeline.dataset.table import PARTNER
from pipeline.starter.findings import Findings, from_here, has_geometry
from pipeline.starter.starter_yaml import LEAST_INDIVIDUALS, learnable_behaviors

_MOST_LINES = 25
_WIDTH = 120
_NONE = "—"


def print_findings(findings: Findings) -> None:
    """Print everything, on a terminal in its width, else in lines of 120 signs."""
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    is_many = findings.facts.are_clips or findings.facts.are_sequences
    console.print(_by_class(findings) if is_many else _table(findings))
    _print_lines(console, "Not paired", _unpaired(findings))
    _print_lines(console, "Left aside", _left_aside(findings))
    _print_lines(console, "Chosen", _choices(findings))
    _print_lines(console, "Please check", _checks(findings))
    written = [from_here(path) for path in (findings.table_path, findings.experiment_path)]
    console.print(Text(f"\nWritten: {written[0]} and {written[1]}. Next:"))
    quoted = f'"{written[1]}"' if " " in written[1] else written[1]
    for command in (f"audit {quoted}", quoted):
        console.print(Text(f"  python run_experiment.py {command}"), soft_wrap=True)


def _table(findings: Findings) -> Table:
    facts = findings.facts
    n_annotated = sum(bool(r.labels.sources) for r in findings.recordings)
    n_files = len({r.files.video for r in findings.recordings})
    what = _counted(n_files, "pose file" if facts.is_alone else "video")
    counted = [f"{what} without a video" if facts.is_alone else what]
    counted += [f"{_counted(len(findings.recordings), 'row')}, one for each animal"] * facts.has_rows
    table = Table(title=f"{'; '.join(counted)}, {n_annotated} with annotations", title_justify="left")
    columns = ["recording", "animal", "individual", "video", "poses", "annotations"]
    has_animals = any(r.animal for r in findings.recordings)
    shown = [name for name in columns if (name != "animal" or has_animals) and (name != "video" or not facts.is_alone)]
    for column in shown:
        table.add_column(column, overflow="fold")
    for r in findings.recordings:
        poses = _short(r.files.poses[0], findings.root) if r.files.poses else r.cells["poses"] or _NONE
        sources = "\n".join(
            f"{who}: {_source(paired)}" if who else _source(paired) for who, paired in r.labels.sources.items()
        )
        video = _short(r.files.video, findings.root)
        cells = dict(zip(columns, (r.id, r.animal, r.individual, video, poses, sources or _NONE), strict=True))
        table.add_row(*(Text(cells[name]) for name in shown))
    return table


def _source(paired: PairedAnnotation) -> str:
    return f"{paired.source.shown}, subject {paired.subject}" if paired.subject else paired.source.shown


def _by_class(findings: Findings) -> Table:
    """Clips or sequences by class: of thousands, nobody wants to see each."""
    what = "clip" if findings.facts.are_clips else "sequence"
    where = "sorted into folders" if findings.facts.are_clips else f"{findings.facts.n_annotated} with annotations"
    table = Table(title=f"{_counted(len(findings.recordings), what)}, {where}", title_justify="left")
    for column in ("class", f"{what}s", "frames"):
        table.add_column(column, overflow="fold")
    for tally in findings.facts.behaviors:
        table.add_row(*(Text(str(cell)) for cell in (tally.names[0], len(tally.recordings), tally.n_frames)))
    return table


def _print_lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    console.print(Text(f"\n{title}", style="bold"))
    for line in lines[:_MOST_LINES]:
        console.print(Padding(Text(line), (0, 0, 0, 2)))
    if len(lines) > _MOST_LINES:
        console.print(Text(f"  … and {len(lines) - _MOST_LINES} more"))


def _unpaired(findings: Findings) -> list[str]:
    """Observations of one file that are left over for the same reason, in one line."""
    grouped: dict[tuple[Path, str], list[str]] = {}
    for item in findings.unpaired:
        grouped.setdefault((item.path, item.reason), []).extend(filter(None, [item.observation]))
    lines = []
    for (path, reason), names in grouped.items():
        observations = f" (observations: {', '.join(names)})" if names else ""
        lines.append(f"{_short(path, findings.root)}{observations}: {reason}")
    return lines


def _left_aside(findings: Findings) -> list[str]:
    names = {_short(aside.path, findings.root): aside for aside in findings.skipped}
    lines = {name: [f"{name}: {aside.reason}"] for name, aside in names.items()}
    return equal_notes(lines, {name: [name, aside.path.name] for name, aside in names.items()})


def _choices(findings: Findings) -> list[str]:
    lines: dict[str, list[str]] = {}
    told: set[Path] = set()
    for r in findings.recordings:
        own = lines.setdefault(r.id, [])
        if len(r.files.poses) > 1 and r.files.video not in told:
            told.add(r.files.video)
            others = ", ".join(path.name for path in r.files.poses[1:])
            where = "" if r.files.video in r.files.poses else f"{r.files.video.name}: "
            own.append(f"{where}poses are read from {r.files.poses[0].name} (also there: {others}).")
        own += [*r.notes, *r.labels.notes]
    return equal_notes(lines, _names(findings))


def _doubts(findings: Findings) -> list[str]:
    """What labels lack; what is the same for several recordings, once."""
    lines: dict[str, list[str]] = {}
    for r in findings.recordings:
        lines.setdefault(r.id, []).extend(r.doubts)
    for finding in findings.doubts:
        lines.setdefault(finding.recording, []).append(finding.note)
    return equal_notes(lines, _names(findings))


def _names(findings: Findings) -> dict[str, list[str]]:
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


def _checks(findings: Findings) -> list[str]:
    facts = findings.facts
    lines = _individuals(findings)
    if facts.are_clips:
        lines.append(
            "The videos were taken as clips that were sorted into folders by what is seen in them. If these folders "
            "are no behaviors, empty the column `annotations` and name files of labels there."
        )
        n_own = sum(r.individual == r.id for r in findings.recordings)
        if n_own:
            lines.append(
                f"Of {_counted(n_own, 'clip')} nothing tells the animal, so each has an `individual` of its own: clips "
                "of one animal stand on both sides of a fold, and scores are too good. Name the animals you know."
            )
    lines += facts.poses.notes
    filtered = ["filtered" in r.files.poses[0].stem for r in findings.recordings if r.files.poses]
    if 0 < sum(filtered) < len(filtered):
        lines.append(f"{sum(filtered)} pose files are filtered, the others are not. Better use one kind for all.")
    without = [r.id for r in findings.recordings if not r.files.poses]
    if without and not findings.pose_word:
        lines.append(
            f"{_counted(len(without), 'video')} without a pose file ({_some(without)}). Name it in the column "
            "`poses`, or write `blob` there (or give --blob) to have a single animal tracked in the video itself."
        )
    if not facts.n_annotated:
        lines.append(
            "No annotations were paired, so nothing can be learned yet: name them in the column `annotations`."
        )
    elif facts.n_individuals < LEAST_INDIVIDUALS:
        what = _counted(facts.n_individuals, "video") if facts.has_rows else f"{facts.n_individuals} individuals"
        more = "more videos" if facts.has_rows else "videos of more animals"
        lines.append(
            f"Labels of {what}: cross-validation needs {LEAST_INDIVIDUALS}. Annotate {more}, or set "
            "cross_validation: none in the YAML."
        )
    kept, rare = learnable_behaviors(facts)
    if rare:
        lines.append(
            f"Left out of `behaviors:` in the YAML, since cross-validation needs {LEAST_INDIVIDUALS} {facts.units} "
            f"that show a behavior: {_some([f'{tally.names[0]} ({tally.n_individuals})' for tally in rare])}. Annotate "
            "it in more videos."
        )
    elif kept and facts.n_individuals >= LEAST_INDIVIDUALS > max(tally.n_individuals for tally in kept):
        lines.append(
            f"No behavior is shown by {LEAST_INDIVIDUALS} {facts.units}, as cross-validation needs. Annotate more "
            "videos, or set cross_validation: none in the YAML."
        )
    if facts.poses.individuals and not facts.pair:
        lines.append(
            f"The pose files hold several animals ({_some(facts.poses.individuals)}): name one in center.individual."
        )
    lines += _without_partner(findings)
    if facts.is_alone and not facts.fps:
        lines.append(
            "Nothing tells how many frames per second the poses are of, on which speeds depend: write it into the "
            "column `fps` of every row."
        )
    if facts.poses.crop_px is None and not facts.is_alone and not facts.pair:
        lines.append(
            "`crop: size_px` in the YAML: how large your animal is could not be told from poses and videos. Measure "
            "it in a frame, without its tail, and write 1.5 to 2 times that; in too large a crop the network hardly "
            "sees it."
        )
    elif facts.poses.is_from_videos:
        lines.append(
            f"`crop: size_px` in the YAML is {facts.poses.crop_px}, since what moves in the videos is about "
            f"{facts.poses.body_px:.0f} px long: 1.5 to 2 times the animal's length without its tail is right."
        )
    if facts.point_events:
        lines.append(
            "Point events, which have no duration, and behaviors that are in several streams of a file can't be used "
            f"as they are: {_some(facts.point_events)}."
        )
    return lines + _doubts(findings)


def _without_partner(findings: Findings) -> list[str]:
    """Why features of an animal and its partner are not in the YAML, where only some rows have one."""
    without = [r.id for r in findings.recordings if not r.cells.get(PARTNER)]
    is_told = has_geometry(findings.facts.poses.available)
    if not (is_told and 0 < len(without) < len(findings.recordings)):
        return []
    return [
        f"{_counted(len(without), 'row')} without a `partner` ({_some(without)}), so that geometry of an animal and "
        "its partner is not in `features:` of the YAML. Fill in the partners, or take these rows out of the table, and "
        "add {source: poses, partner: other}."
    ]


def _individuals(findings: Findings) -> list[str]:
    """What the user should know of the column `individual`."""
    if not findings.facts.has_rows:
        is_guessed = any(r.individual != r.id for r in findings.recordings)
        how = "guessed from the videos' names" if is_guessed else "now every recording has its own"
        return [
            "The column `individual`: recordings with the same name there are held out together, so all videos of one "
            f"animal must have it ({how})."
        ]
    videos = {r.files.video for r in findings.recordings if r.animal}
    names = {
        r.animal: {s.files.video for s in findings.recordings if s.animal == r.animal} for r in findings.recordings
    }
    repeated = [name for name, where in names.items() if name and len(where) > 1]
    is_guessed = any(r.held_out_with not in r.id for r in findings.recordings)
    guessed = " Whose videos are of the same animals was guessed from their names (column `individual`)."
    lines = ["Animals of one video are always held out together." + guessed * is_guessed]
    if repeated:
        lines[0] += (
            f" {_some(repeated)} stand in several of {len(videos)} videos: these are taken for names of tracks or "
            "roles, not of individuals. If one is the same animal in several videos, write one "
            "name into `individual` of these rows: else it is on both sides of a split, and scores are too good."
        )
    elif len(videos) > 1:
        lines[0] += (
            " No name stands in two videos, so each row has an `individual` of its own. If an animal is in several "
            "videos under other names, write one name into `individual` of these rows."
        )
    return lines


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _short(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
