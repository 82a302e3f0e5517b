"""What `init` found and did not use, and why: files of the same reason together, a few named."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten

from common.suggestions import listing
from pipeline.dataset.equal_findings import equal_notes
from pipeline.starter.findings import Findings
from pipeline.starter.lab_folder import OTHER_KIND, UNKNOWN, Skipped

_N_NAMED = 6
_MOST_REMARKS, _MOST_LETTERS = 10, 160


def passed_over(findings: Findings) -> tuple[str, ...]:
    """What of the lab's own was not used, a line for each reason, short enough for remarks in the YAML."""
    of_the_lab = [aside for aside in findings.skipped if not aside.reason.endswith(" of Rearview")]
    lines = [*not_paired(findings), *left_aside(of_the_lab, findings.root)]
    lines = [shorten(line, _MOST_LETTERS, placeholder=" …") for line in lines]
    n_more = len(lines) - _MOST_REMARKS
    return (*lines[:_MOST_REMARKS], *[f"… and {n_more} more reasons, which `init` prints"] * (n_more > 0))


def not_paired(findings: Findings) -> list[str]:
    """Files, and observations of a file, that belong to no recording."""
    grouped: dict[tuple[Path, str], list[str]] = {}
    for item in findings.unpaired:
        grouped.setdefault((item.path, item.reason), []).extend(filter(None, [item.observation]))
    notes: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    of_recordings = {name for r in findings.recordings for name in (r.id, r.files.video.name)}
    for (path, reason), observations in grouped.items():
        name = short(path, findings.root)
        said = f" (observations: {listing(observations, _N_NAMED)})" if observations else ""
        notes.setdefault(name, []).append(f"{name}{said}: {reason}")
        names[name] = [name, path.name, *observations, *(own for own in of_recordings if own in reason)]
    return equal_notes(notes, names)


def left_aside(skipped: Sequence[Skipped], root: Path) -> list[str]:
    """Files and folders that were not looked at, or hold nothing that is needed."""
    by_reason: dict[str, list[Path]] = {OTHER_KIND: [], UNKNOWN: []}
    notes: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    for aside in skipped:
        if aside.reason in by_reason:
            by_reason[aside.reason].append(aside.path)
            continue
        name = short(aside.path, root)
        notes[name], names[name] = [f"{name}: {aside.reason}"], [name, aside.path.name]
    return [*equal_notes(notes, names), *_by_kind(by_reason, root)]


def _by_kind(by_reason: Mapping[str, list[Path]], root: Path) -> list[str]:
    """Files of which nothing more is to be said than their number: unknown ones by name, others by their ending."""
    unknown, others = by_reason[UNKNOWN], by_reason[OTHER_KIND]
    lines = [f"{listing([short(path, root) for path in unknown], _N_NAMED)}: {UNKNOWN}"] if unknown else []
    if others:
        kinds = Counter(path.suffix.casefold() or "without an ending" for path in others).most_common()
        said = [f"{n} {kind}" if n > 1 else kind for kind, n in kinds]
        lines.append(f"Other kinds of files, which were not opened: {listing(said, _N_NAMED)}")
    return lines


def short(path: Path, root: Path) -> str:
    """A path as it is shown: from the folder that was looked through."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
