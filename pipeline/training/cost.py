"""How long an experiment's heads train, from the seconds of a step."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.training.fits import Fit
from pipeline.training.plan import HEAD, INNER, THESIS, FitPlan


class StepCost(NamedTuple):
    """Seconds of a training step, and those that a head takes before it, to be compiled."""

    step_s: float
    starting_s: float

    @classmethod
    def of(cls, epochs_s: Sequence[float], n_steps: int) -> "StepCost":
        """From the seconds of a head's first two epochs, of so many steps each: the first one compiles."""
        first_s, second_s = epochs_s
        return cls(second_s / n_steps, max(0.0, first_s - second_s))


def expected_seconds(plan: FitPlan, n_frames: dict[str, int], cost: StepCost, n_workers: int) -> float:
    """Reckon how long all heads of a plan train, from what a step costs; `n_frames` are analysed, by recording.

    Training is expected to stop halfway to the most epochs. Baselines take next to nothing.
    """
    crossed, final = plan.cross_fits(), plan.final_fits([])
    n_steps = [expected_steps(fit, n_frames) for fit in crossed or final if is_head(fit)]
    n_heads = n_heads_of(plan)
    all_s = (cost.step_s * statistics.mean(n_steps) + cost.starting_s) * n_heads
    return all_s / min(n_workers, n_heads)


def n_heads_of(plan: FitPlan) -> int:
    """How many of a plan's fits are the experiment's own heads; the others are baselines."""
    return plan.n_fits - sum(not is_head(fit) for fit in (*plan.cross_fits(), *plan.final_fits([])))


def is_head(fit: Fit) -> bool:
    """Whether it is the experiment's own head, not a baseline."""
    return fit.kind in (HEAD, THESIS, INNER)


def expected_steps(fit: Fit, n_frames: dict[str, int]) -> float:
    """Steps until early stopping, and of the head that then is trained on the validation recordings as well."""
    training, train = fit.training, [n_frames[r] for r in fit.train]
    if fit.n_epochs is not None:
        return float(fit.n_epochs * training.steps_per_epoch(train))
    return training.expected_steps(train, [n_frames[r] for r in (*fit.train, *fit.validation)] if fit.refit else ())
