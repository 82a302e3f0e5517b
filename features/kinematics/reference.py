"""docs/pose_features.md: what the features of keypoints are, from the tables of this package."""

from collections.abc import Sequence
from pathlib import Path

from common.files import write_text
from features.kinematics.columns import KINDS, Kind
from features.kinematics.pairs import PAIR_KINDS, SIDED_KINDS

PATH = Path(__file__).resolve().parents[2] / "docs" / "pose_features.md"

_HEAD = """# Features of poses

`features: poses` measures keypoints, frame by frame; it needs no video. `experiments/README.md` lists its settings. A
run keeps the names of its features in `provenance.json` (`features`, `names`), in the order of their columns.

- **Lengths** are in body lengths: the median, over the frames of a recording in which both ends of the body axis are
  seen (of both animals, where there are two), of the axis' length. With a single keypoint there is no axis, and they
  are in pixels: film all recordings from one height then.
- **The axis** runs from tail to head (`axis: [tailbase, nose]`; left out, it goes by the keypoints' names); the
  **center** is in the middle of its two ends. Positive angles turn to the animal's right, as seen on the screen.
- **Spans** (`spans_s: [0.2, 0.6, 2]`) lie around a frame, half before and half after it, in whole frames and at least
  one to each side. Speeds are measured on all frames, also where only every n-th is analysed (`frame_step`).
- **Missing** is a keypoint without a position, or one below `min_likelihood` (left out: `center.min_likelihood`).
  What is made of it is missing too, never a number: heads see the mean of training there, and `K missing` tells them.
  So is what looks beyond the ends of a recording. `fill_gaps_s` (0 unless set) puts missing keypoints on a straight
  line across gaps of up to so many seconds; they stay marked as missing. Frames in gaps longer than
  `center.max_gap_s` in which no keypoint at all is seen are not trained on.

K and L stand for keypoints, S for a span in seconds.

## One animal
"""
_PAIR = """
## Two animals
`pair: [individual1, individual2]` is for labels that belong to both: nothing changes when the two are swapped, as
trackers do within a video. A file with two individuals is taken so where no recording names an animal. A pair has
every feature of one animal, and every feature of one towards the other, twice: `(less)` is the less of the two
animals' values, or the one of them that is known; `(more)` is the greater, missing where either is. `partner: other`
(or a name) is for labels of one animal, which the column `animal` or `center.individual` names: its own features, and
the partner's, called `(partner)`.

### One towards the other
"""
_ALIKE = """
### Of both alike
"""


def reference() -> str:
    """The page's text."""
    return _HEAD + _table(KINDS) + _PAIR + _table(SIDED_KINDS) + _ALIKE + _table(PAIR_KINDS)


def _table(kinds: Sequence[Kind]) -> str:
    lines = [f"| `{kind.name}` | {kind.unit} | {kind.formula.replace('|', chr(92) + '|')} |" for kind in kinds]
    return "\n".join(["| feature | unit | what |", "|---|---|---|", *lines]) + "\n"


if __name__ == "__main__":
    write_text(PATH, reference())
