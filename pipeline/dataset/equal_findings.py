"""What is true of many recordings, said once: findings and notes that differ in the names of files alone."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from common.suggestions import listing
from pipeline.dataset.findings import Finding
from pipeline.dataset.recording import Recording

_N_NAMED = 6
_TABLE_ROW = re.compile(r"(?<=\.csv, row )\d+(?=, column )")  # the recording's own in the table of recordings
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class EqualFindings:
    """Findings that say the same: the first one, and of which recordings, in order ("" = several at once)."""

    first: Finding
    recordings: tuple[str, ...]
    n_findings: int

    @property
    def where(self) -> str:
        """Of what recordings."""
        if len(self.recordings) > 1:
            return f"{len(self.recordings)} recordings ({listing(self.recordings, _N_NAMED)})"
        return self.recordings[0] or "all recordings"

    @property
    def found(self) -> str:
        """What was found in the first of them."""
        others = self.n_findings - 1
        return f"{self.first.found} (Likewise of the other {others}.)" if others else self.first.found


def names_of(recording: Recording) -> list[str]:
    """What a sentence about a recording may call it and its files."""
    paths = [recording.video_path, recording.pose_path, *recording.annotation_paths.values()]
    return [recording.id, *(path.name for path in paths if path is not None), *recording.annotation_paths]


def same_but_for(text: str, names: Iterable[str]) -> str:
    """The sentence with a blank in place of each of these names."""
    words = "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True) if name)
    return re.sub(rf"(?<!\w)(?:{words})(?!\w)", "\0", text) if words else text


def grouped(items: Iterable[_Item], key: Callable[[_Item], Hashable]) -> list[list[_Item]]:
    """Items of one key together, in the order of the first of each."""
    groups: dict[Hashable, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def equal_findings(findings: Iterable[Finding], recordings: Iterable[Recording]) -> list[EqualFindings]:
    """Findings that say the same of several recordings, together; in the order of the first of each."""
    names = {recording.id: names_of(recording) for recording in recordings}

    def key(finding: Finding) -> Hashable:
        own = names.get(finding.recording, [finding.recording])
        found, *others = (same_but_for(text, own) for text in (finding.found, finding.consequence, finding.remedy))
        return finding.severity, not finding.recording, _TABLE_ROW.sub("\0", found), *others

    return [
        EqualFindings(group[0], tuple(dict.fromkeys(finding.recording for finding in group)), len(group))
        for group in grouped(findings, key)
    ]


def equal_notes(notes: Mapping[str, Sequence[str]], names: Mapping[str, Iterable[str]]) -> list[str]:
    """Notes by recording, those that say the same of several together; `names`: of each recording and its files."""
    told = [(recording, note) for recording, own in notes.items() for note in own]
    together = grouped(told, lambda item: (type(item[1]), same_but_for(item[1], names[item[0]])))
    lines = []
    for group in together:
        note, others = group[0][1], dict.fromkeys(recording for recording, _ in group[1:])
        # What makes results doubtful stays marked as such.
        lines.append(type(note)(f"{note} (Likewise {listing(others, _N_NAMED)}.)") if others else note)
    return lines
