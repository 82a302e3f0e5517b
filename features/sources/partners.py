"""Who the other animal of a recording is."""

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from features.tracks import Whose

OTHER = "other"


def find_partner(whose: Whose, where: str, asked_by: str, named: str = OTHER) -> str:
    """Find the animal that a recording's own one has to do with.

    Parameters
    ----------
    whose : Whose
    where : str
        Names the pose file.
    asked_by : str
        What needs it, for errors.
    named : str
        A name, or ``other``: the recording's partner, or else the other one of two.

    Raises
    ------
    InputError
        There is none, or more than one could be meant.
    """
    own, present = whose.own, whose.present
    partner = whose.partner or OTHER if named == OTHER else named
    if not any(present):
        raise InputError(
            f"{asked_by} needs a partner ({partner}), but {where} holds a single animal without a name. Leave it out, "
            "or track both animals."
        )
    if not own:
        raise InputError(
            f"{asked_by} needs a partner ({partner}), but the recording of {where} names no animal of its own, and the "
            f"file holds {listing(present)}. Name the two in the columns `animal` and `partner` of the recordings "
            f"table; where labels belong to both, poses alone do with `pair: [{', '.join(present[:2])}]`."
        )
    if own not in present:
        raise InputError(
            f"Individual {own!r} is not in {where}, which holds {listing(present)}.{did_you_mean(own, present)} "
            "Correct the column `animal` of the recordings table."
        )
    others = [name for name in present if name != own] if partner == OTHER else [partner]
    if len(others) != 1 or others == [own]:
        raise InputError(
            f"{asked_by} looks for the partner of {own!r} ({partner}) in {where}, which holds {listing(present)}. Name "
            "the other animal in the column `partner` of the recordings table."
        )
    return others[0]
