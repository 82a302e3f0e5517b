"""What is true of many recordings, said once: findings and notes that differ in names of files or numbers alone."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from common.suggestions import listing
from pipeline.dataset.findings import Finding
from pipeline.dataset.recording import Recording

_N_NAMED = 6
_TABLE_ROW = re.compile(r"(?<=\.csv, row )\d+(?=, column )")  # the recording's own in the table of recordings
_NUMBER = r"\d+(?:[.,:/]\d+)*"
_NUMBERS = re.compile(rf"{_NUMBER}(?:(?:, | and |-|–| to ){_NUMBER})*(?: and {_NUMBER} more)?")
_FILE = re.compile(r"[^\s:;,()'\"]+\.[A-Za-z][A-Za-z0-9]{1,4}\b")
_LIKEWISE = re.compile(r" \(Likewise [^()]*\)$")
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


@dataclass(frozen=True)
class FindingKind(EqualFindings):
    """Findings of one kind, which may differ in their numbers as well; `members`: those that are equal, together."""

    members: tuple[EqualFindings, ...] = ()

    @property
    def has_other_numbers(self) -> bool:
        """Whether not all of them say the same."""
        return len(self.members) > 1

    @property
    def found(self) -> str:
        """What was found in the first of them."""
        if not self.has_other_numbers:
            return super().found
        return f"{self.first.found} (Likewise, with other numbers, of the other {self.n_findings - 1}.)"


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
    return [
        EqualFindings(group[0], tuple(dict.fromkeys(finding.recording for finding in group)), len(group))
        for group in grouped(findings, _key_of({recording.id: names_of(recording) for recording in recordings}))
    ]


def _key_of(names: Mapping[str, Sequence[str]]) -> Callable[[Finding], tuple[Hashable, ...]]:
    """By what findings are equal: all that they say but for the names of their recording and its files."""

    def key(finding: Finding) -> tuple[Hashable, ...]:
        own = names.get(finding.recording, [finding.recording])
        found, *others = (same_but_for(text, own) for text in (finding.found, finding.consequence, finding.remedy))
        return finding.severity, not finding.recording, _TABLE_ROW.sub("\0", found), *others

    return key


def finding_kinds(findings: Iterable[Finding], recordings: Sequence[Recording]) -> list[FindingKind]:
    """Findings of one kind together, whatever their numbers; in the order of the first of each."""
    key = _key_of({recording.id: names_of(recording) for recording in recordings})

    def kind(equal: EqualFindings) -> Hashable:
        return tuple(_NUMBERS.sub("#", part) if isinstance(part, str) else part for part in key(equal.first))

    return [
        FindingKind(
            group[0].first,
            tuple(dict.fromkeys(name for equal in group for name in equal.recordings)),
            sum(equal.n_findings for equal in group),
            tuple(group),
        )
        for group in grouped(equal_findings(findings, recordings), kind)
    ]


def note_kinds(notes: Iterable[str], recordings: Iterable[str]) -> list[list[str]]:
    """Notes of a run of one kind together, whatever the recordings, files and numbers in them."""
    names = list(recordings)

    def kind(note: str) -> str:
        return _NUMBERS.sub("#", _FILE.sub("\0", same_but_for(_LIKEWISE.sub("", note), names)))

    return grouped(notes, kind)


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
