"""Which keypoints features are made of, and which of them make the body axis."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import InputError
from common.suggestions import did_you_mean, listing

# As programs and labs call them, without signs between letters; the first that is there is taken.
_TAILS = (
    *("tailbase", "basetail", "baseoftail", "tailroot", "tailstart", "tail0", "tail1", "tail"),
    *("rump", "abdomen"),
)
_HEADS = ("nose", "nosetip", "tipnose", "snout", "snouttip", "muzzle", "head", "headcenter", "headmidpoint")


@dataclass(frozen=True)
class Layout:
    """Keypoints in the order of their features, and the ends of the body axis: tail, then head.

    `axis` is None where there is a single keypoint: lengths are then in pixels.
    """

    keypoints: tuple[str, ...]
    axis: tuple[str, str] | None

    @property
    def beside_axis(self) -> tuple[int, ...]:
        """Places of the keypoints that are no end of the axis."""
        return tuple(i for i, name in enumerate(self.keypoints) if name not in (self.axis or ()))

    @property
    def tail(self) -> int:
        """Place of the axis' rear end; the only keypoint where there is no axis."""
        return 0 if self.axis is None else self.keypoints.index(self.axis[0])

    @property
    def head(self) -> int:
        """Place of the axis' front end; the only keypoint where there is no axis."""
        return 0 if self.axis is None else self.keypoints.index(self.axis[1])


def places_on_body(keypoints: Sequence[str]) -> list[int]:
    """Places of the keypoints that are not on the tail behind its base; all where that leaves fewer than two."""
    plain = [_plain(name) for name in keypoints]
    places = [i for i, name in enumerate(plain) if "tail" not in name or name in _TAILS]
    return places if len(places) > 1 else list(range(len(plain)))


def layout_of(
    found: Sequence[str], where: str, keypoints: Sequence[str] | None = None, axis: tuple[str, str] | None = None
) -> Layout:
    """Choose keypoints and axis among those that a pose file has; `where` names it in errors.

    Left out, all keypoints are used, and the axis goes by their names.

    Raises
    ------
    InputError
        A keypoint that isn't in the file; several keypoints of which none are called as the ends of a body.
    """
    for key, names in (("keypoints", keypoints or ()), ("axis", axis or ())):
        for name in names:
            if name not in found:
                raise InputError(
                    f"The source `poses` asks for the keypoint {name!r} ({key}), which is not in {where}. It has: "
                    f"{listing(found)}.{did_you_mean(name, found)}"
                )
    chosen = tuple(found) if keypoints is None else (*keypoints, *(n for n in axis or () if n not in keypoints))
    if axis is None and len(chosen) > 1:
        axis = _guessed(chosen, where)
    return Layout(chosen, axis)


def _guessed(keypoints: Sequence[str], where: str) -> tuple[str, str]:
    plain = {_plain(name): name for name in reversed(keypoints)}
    tail = next((plain[name] for name in _TAILS if name in plain), None)
    head = next((plain[name] for name in _HEADS if name in plain), None)
    if tail is None or head is None:
        raise InputError(
            f"No body axis is found among the keypoints of {where}: {listing(keypoints)}. None is called "
            f"{'like a head (nose, snout, head)' if head is None else 'like the base of a tail (tailbase, tail)'}. "
            f"Name its two ends, from tail to head: features: {{source: poses, axis: [{tail or keypoints[-1]}, "
            f"{head or next(name for name in keypoints if name != tail)}]}}."
        )
    return tail, head


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
