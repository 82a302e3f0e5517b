"""What `init` says: the pairs, what is left over and why, what to check, and what to do next."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common.wording import counted, roughly
from pipeline.dataset.equal_findings import equal_notes
from pipeline.dataset.pairing.pairing import PairedAnnotation
from pipeline.starter.checks import checks, names_of_each
from pipeline.starter.findings import Findings, FoundRecording, from_here
from pipeline.starter.passed_over import left_aside, not_paired, short
from pipeline.starter.proposal_words import cost_line, heads_words, part_words

_MOST_LINES = 25
_WIDTH = 120
_NONE = "—"


def print_findings(findings: Findings) -> None:
    """Print everything, on a terminal in its width, else in lines of 120 signs."""
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    is_many = findings.facts.are_clips or findings.facts.are_sequences
    console.print(_by_class(findings) if is_many else _table(findings))
    n_unpaired = len({item.path for item in findings.unpaired})
    _print_lines(console, f"Not paired ({counted(n_unpaired, 'file')})", not_paired(findings))
    aside = left_aside(findings.skipped, findings.root)
    _print_lines(console, f"Left aside ({len(findings.skipped)})", aside)
    _print_lines(console, "Chosen", _choices(findings))
    _print_lines(console, "How long it takes", _durations(findings))
    _print_lines(console, "Please check", checks(findings))
    written = [from_here(path) for path in (findings.table_path, findings.experiment_path)]
    console.print(Text(f"\nWritten: {written[0]} and {written[1]}. Next:"))
    quoted = f'"{written[1]}"' if " " in written[1] else written[1]
    for command in (f"audit {quoted}", quoted):
        console.print(Text(f"  python run_experiment.py {command}"), soft_wrap=True)


def _table(findings: Findings) -> Table:
    facts = findings.facts
    n_annotated = sum(bool(r.labels.sources) for r in findings.recordings)
    n_files = len({r.files.video for r in findings.recordings})
    what = counted(n_files, _kind_of_file(findings))
    title = [f"{what} without a video" if facts.is_alone else what]
    title += [f"{counted(len(findings.recordings), 'row')}, one for each animal"] * facts.has_rows
    table = Table(title=f"{'; '.join(title)}, {n_annotated} with annotations", title_justify="left")
    columns = ["recording", "animal", "individual", "video", "poses", "features", "annotations"]
    hidden = {"animal"} if not any(r.animal for r in findings.recordings) else set()
    hidden |= {"video"} if facts.is_alone else set()
    hidden |= {"poses"} if facts.is_alone and not any(r.files.poses for r in findings.recordings) else set()
    hidden |= {"features"} if facts.precomputed is None else set()
    shown = [name for name in columns if name not in hidden]
    for column in shown:
        table.add_column(column, overflow="fold")
    for r in findings.recordings:
        poses = short(r.files.poses[0], findings.root) if r.files.poses else r.cells["poses"] or _NONE
        sources = "\n".join(
            f"{who}: {_source(paired)}" if who else _source(paired) for who, paired in r.labels.sources.items()
        )
        video = short(r.files.video, findings.root)
        own = (r.id, r.animal, r.individual, video, poses, _features_of(r, findings), sources or _NONE)
        cells = dict(zip(columns, own, strict=True))
        table.add_row(*(Text(cells[name]) for name in shown))
    return table


def _kind_of_file(findings: Findings) -> str:
    if not findings.facts.is_alone:
        return "video"
    return "pose file" if any(r.files.poses for r in findings.recordings) else "file of features"


def _features_of(recording: FoundRecording, findings: Findings) -> str:
    """The file of features, as the table or the YAML names it."""
    precomputed = findings.facts.precomputed
    if precomputed is None:
        return _NONE
    return precomputed.files.replace("{recording}", recording.id) or recording.cells["video"] or _NONE


def _source(paired: PairedAnnotation) -> str:
    return f"{paired.source.shown}, subject {paired.subject}" if paired.subject else paired.source.shown


def _by_class(findings: Findings) -> Table:
    """Clips or sequences by class: of thousands, nobody wants to see each."""
    what = "clip" if findings.facts.are_clips else "sequence"
    where = "sorted into folders" if findings.facts.are_clips else f"{findings.facts.n_annotated} with annotations"
    table = Table(title=f"{counted(len(findings.recordings), what)}, {where}", title_justify="left")
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


def _durations(findings: Findings) -> list[str]:
    """What the experiment and others cost; empty where nothing was measured."""
    facts, proposal = findings.facts, findings.facts.proposal
    lines = [cost_line(choice, cost, proposal) for choice, cost in proposal.costs]
    if lines and not facts.runs_network:
        lines = [f"{heads_words(proposal)}: about {roughly(proposal.costs[0][1].total_s)}."]
    elif lines:
        said = (
            f"No GPU was found. By a trial of a second, features of all videos and {heads_words(proposal)} take about:"
        )
        lines = [said, *lines]
    return [*lines, *filter(None, [part_words(proposal)])]


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
    return equal_notes(lines, names_of_each(findings))
