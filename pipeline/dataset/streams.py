"""What files of several streams can tell: a stream holds what it holds in most files, also where it shows it never.

A file names only what happened. That it has no stream S2 is no word on what S2 holds elsewhere: there it is unscored.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from pipeline.annotations import EventList, RawAnnotation

_Key = TypeVar("_Key")


def count_streams(annotations: Iterable[RawAnnotation]) -> dict[str, Counter[str]]:
    """In how many files each stream holds a behavior, by behavior; empty where no file has streams."""
    counts: dict[str, Counter[str]] = {}
    for annotation in annotations:
        if isinstance(annotation, EventList):
            for stream, behaviors in annotation.streams.items():
                for behavior in behaviors:
                    counts.setdefault(behavior, Counter())[stream] += 1
    return counts


def with_known_streams(annotations: Mapping[_Key, RawAnnotation]) -> dict[_Key, RawAnnotation]:
    """The same annotations, each knowing what its streams hold in the others."""
    counts = count_streams(annotations.values())
    homes = {behavior: {s for s in own if own[s] == max(own.values())} for behavior, own in counts.items()}
    return {key: _with_homes(annotation, homes) for key, annotation in annotations.items()}


def _with_homes(annotation: RawAnnotation, homes: Mapping[str, set[str]]) -> RawAnnotation:
    if not isinstance(annotation, EventList) or not annotation.streams:
        return annotation
    streams = {
        stream: (*own, *(behavior for behavior, at in homes.items() if stream in at and behavior not in own))
        for stream, own in annotation.streams.items()
    }
    return replace(annotation, streams=streams)
