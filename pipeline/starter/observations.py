"""Which observations a BORIS file holds, and which videos these name: enough to pair it, not to read it.

Other annotation files hold one recording's labels and name no video.
"""

from pathlib import Path

from common.errors import InputError
from pipeline.annotations.boris import aggregated, project, tabular
from pipeline.annotations.boris.exports import media_by_observation
from pipeline.annotations.opening import open_annotation_file
from pipeline.dataset.pairing.pairing import AnnotationSource


def sources_of(path: Path) -> list[AnnotationSource]:
    """One source per observation, named where there are several; one for a file that has none.

    Empty for JSON that is no BORIS project, or one without observations of videos.

    Raises
    ------
    InputError
        The file can't be opened.
    """
    file = open_annotation_file(path)
    media: dict[str, list[str]] = {}
    if file.is_project:
        try:
            media = project.media_by_observation(file)
        except InputError:
            if path.suffix.casefold().startswith(".boris"):
                raise
    for export in (tabular, aggregated):
        if export.matches(file):
            media = media_by_observation(export.events_of(file))
    found = [
        AnnotationSource(path, name if len(media) > 1 else "", tuple(dict.fromkeys(names)))
        for name, names in media.items()
        if names or not file.is_project  # live observations have no video
    ]
    return found if found or file.is_project else [AnnotationSource(path)]
