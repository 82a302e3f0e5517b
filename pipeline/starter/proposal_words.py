"""What a proposal is said to cost: on the terminal, and as remarks in the YAML."""

from common.wording import roughly
from pipeline.starter.proposal import MOST_HEADS, NETWORKS, OVERNIGHT_S, PUBLISHED, Choice, Cost, Proposal


def cost_line(choice: Choice, cost: Cost, proposal: Proposal) -> str:
    """One network's, in words: `MobileNetV2, every third frame: about 1 h 20 min (written into the YAML)`."""
    said = f"{NETWORKS[choice.network].words if choice.network else 'Heads'}, {every(choice.frame_step)}: "
    said += _about(cost)
    if choice == proposal.choice:
        late = "" if cost.total_s <= OVERNIGHT_S else ", though it is more than a night"
        return f"{said} (written into the YAML{late})"
    return f"{said} (as published; downloads its weights)" if choice.network == PUBLISHED else said


def every(frame_step: int) -> str:
    """`every frame`, `every third frame`."""
    return {1: "every frame", 2: "every second frame", 3: "every third frame"}.get(
        frame_step, f"every {frame_step}th frame"
    )


def heads_words(proposal: Proposal) -> str:
    """`15 heads`."""
    return f"{proposal.n_heads} head{'s' * (proposal.n_heads != 1)}"


def part_words(proposal: Proposal) -> str:
    """Why few parts are held out rather than each animal; "" where each is."""
    if not proposal.n_heads_each:
        return ""
    each, few = (f" ({roughly(cost.heads_s)})" for _, cost in proposal.part_costs) if proposal.part_costs else ("", "")
    why = f"more than {MOST_HEADS}" if proposal.n_heads_each > MOST_HEADS else "more than a night's work"
    return (
        f"leave_one_video_out would train {proposal.n_heads_each} heads{each}, {why}. cross_validation: "
        f"{proposal.choice.parts} trains {proposal.n_heads}{few}: heads learn from fewer animals, and all are scored."
    )


def tuned_words(proposal: Proposal) -> str:
    """What `postprocess: tune` costs; "" where nothing was measured."""
    cost = proposal.cost
    return f"{cost.n_tuned} heads more, {roughly(cost.tuned_s)}" if cost else ""


def _about(cost: Cost) -> str:
    return roughly(cost.total_s)
