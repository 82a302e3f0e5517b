"""What mattered to boosting: how much worse held-out recordings are predicted when one feature is shuffled."""

from collections.abc import Sequence

from common.tables import Row
from pipeline.scoring.importance import importance_rows
from pipeline.training.fits import Fit, FitResult
from pipeline.training.plan import FitPlan


def feature_importance(plan: FitPlan, crossed: Sequence[tuple[Fit, FitResult]]) -> tuple[list[Row], list[str]]:
    """Rows of importance.csv, and a note where there can be none though there is boosting."""
    boosted = [(fit, result) for fit, result in crossed if not fit.head.learns_by_epochs]
    if boosted and plan.no_importance:
        return [], [f"The importance of features is n/a: {plan.no_importance}."]
    rows: list[Row] = []
    for fits in ([one for one in boosted if one[0].name == name] for name in dict.fromkeys(f.name for f, _ in boosted)):
        for column, behavior in enumerate(fits[0][0].outputs):
            folds = []
            for _, result in fits:
                parts = []
                for recording, shuffled in result.shuffled.items():
                    labels = plan.labels[recording].of([behavior])
                    known = labels.scored[shuffled.frames]
                    true = labels.active[shuffled.frames[known], 0]
                    parts.append((true, shuffled.predictions[:, known, column]))
                if parts:
                    folds.append(parts)
            rows += importance_rows(behavior, plan.feature_names, folds)
    return rows, []
