"""Which recordings stay on one side of every split: those of one individual, and those of one video."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import InputError
from pipeline.dataset.recording import Recording


def split_groups(recordings: Sequence[Recording], sha256: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name the group of each recording, by id: the individual of the first recording that it is linked with.

    Two animals in one video see each other and move together, so they are no independent test of each other. By
    `sha256`, the hash of each recording's video where it is known, a copy is the same video.
    """
    first_of: dict[object, int] = {}  # by individual, video or hash: the first recording that has it
    joined: dict[int, int] = {}  # from a recording to an earlier one of its group

    def first(position: int) -> int:
        while position in joined:
            position = joined[position]
        return position

    for position, recording in enumerate(recordings):
        links: list[object] = [recording.individual.casefold(), recording.video_path.resolve()]
        if sha256 and recording.id in sha256:
            links.append(("sha256", sha256[recording.id]))
        earliest, *others = sorted({first(first_of.setdefault(link, position)) for link in links})
        joined |= dict.fromkeys(others, earliest)
    return {recording.id: recordings[first(n)].individual for n, recording in enumerate(recordings)}


def require_one_side(
    table_path: Path, recordings: Sequence[Recording], sha256: Mapping[str, str] | None = None
) -> None:
    """Refuse what would be learned from and tested on.

    Raises
    ------
    InputError
        An individual, or a video, has recordings for train and for test.
    """
    groups = split_groups(recordings, sha256)
    first: dict[str, Recording] = {}
    for recording in recordings:
        if not recording.split:
            continue
        other = first.setdefault(groups[recording.id], recording)
        if other.split == recording.split:
            continue
        if other.individual.casefold() == recording.individual.casefold():
            raise InputError(
                f"{table_path.name}: the individual {recording.individual!r} has recordings for train and for test "
                f"(among them {other.id!r} and {recording.id!r}), so the test would be on an animal that was "
                "learned from. Give all recordings of one individual the same split."
            )
        raise InputError(
            f"{table_path.name}: {other.id!r} is for {other.split} and {recording.id!r} for {recording.split}, but "
            "they are of one video, or linked by a video or an individual that they share with other recordings. Give "
            "all recordings of one video, and of one individual, the same split."
        )
