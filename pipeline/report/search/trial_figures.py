"""Trials one after the other, fold by fold, and against the seconds they took."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.colors import BASELINE, INK, PALETTE
from pipeline.report.figures.style import PAGE_WIDTH_IN, Drawing, line, mark, new_figure
from pipeline.report.search.reading import SearchResults
from pipeline.run_folder.search.search_dir import WHOLE
from pipeline.run_folder.search.trials import COMPLETE, FAILED, PRUNED, Trial, pareto_front

TRIED, BEST_COLOR = PALETTE[0], PALETTE[1]
_LOG_FROM_RATIO = 20.0


def draw_history(results: SearchResults) -> Drawing | None:
    """Every trial's score in the order of the trials, and the best so far as a line."""
    scored = [trial for trial in results.trials if trial.score is not None]
    if not scored:
        return None
    figure = new_figure(PAGE_WIDTH_IN, 3.2)
    axes = figure.add_subplot()
    best_so_far: dict[int, float] = {}
    for trial in sorted(results.trials, key=lambda trial: trial.trial):
        before = list(best_so_far.values())[-1:]
        own = [trial.score] if trial.state == COMPLETE and trial.score is not None else []
        if before or own:
            best_so_far[trial.trial] = max(before + own)
    if best_so_far:
        axes.step(list(best_so_far), list(best_so_far.values()), where="post", color=BEST_COLOR, linewidth=1.4)
    draw_trials(axes, results, [(float(trial.trial), trial) for trial in results.trials])
    axes.set_xlabel("trial")
    axes.set_ylabel(results.score_words)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    add_legend(figure, results.trials, [line("best so far", BEST_COLOR)])
    rows = [trial_row(trial) | {"best_so_far": best_so_far.get(trial.trial)} for trial in results.trials]
    return Drawing(figure, rows)


def draw_cost(results: SearchResults) -> Drawing | None:
    """Score against seconds, with the trials that no other beats in score without more seconds joined."""
    timed = [trial for trial in results.trials if trial.seconds is not None and trial.score is not None]
    if len(timed) < 2:
        return None
    seconds = [trial.seconds or 0.0 for trial in timed]
    front = pareto_front(results.trials)
    figure = new_figure(PAGE_WIDTH_IN, 3.6)
    axes = figure.add_subplot()
    if len(front) > 1:
        axes.step([t.seconds or 0.0 for t in front], [t.score or 0.0 for t in front], where="post", color=INK,
                  linewidth=1.0)  # fmt: skip
    draw_trials(axes, results, [(trial.seconds or 0.0, trial) for trial in timed], with_failed=False)
    if min(seconds) > 0 and max(seconds) / min(seconds) >= _LOG_FROM_RATIO:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("seconds")
    axes.set_ylabel(results.score_words)
    axes.grid()
    add_legend(figure, timed, [line("Pareto front", INK, linewidth=1.0)] if len(front) > 1 else [])
    on_front = {trial.trial for trial in front}
    return Drawing(figure, [trial_row(t) | {"seconds": t.seconds, "on_front": t.trial in on_front} for t in timed])


def draw_folds(results: SearchResults) -> Drawing | None:
    """Average precision of what was held out so far, fold by fold, of every trial: by it trials are given up."""
    rows = [row for row in results.folds if row["search"] == WHOLE and row["score"] is not None]
    states = {trial.trial: trial.state for trial in results.trials}
    rows = sorted((row for row in rows if row["trial"] in states), key=lambda row: (row["trial"], row["fold"]))
    if len({row["fold"] for row in rows}) < 2:
        return None
    figure = new_figure(PAGE_WIDTH_IN, 3.6)
    axes = figure.add_subplot()
    best = results.best.trial if results.best else None
    for trial, state in states.items():
        mine = [row for row in rows if row["trial"] == trial]
        color = {COMPLETE: TRIED, PRUNED: BASELINE, FAILED: INK}[state]
        look = {"color": BEST_COLOR, "linewidth": 2.2, "zorder": 4} if trial == best else {"color": color}
        places, scores = [row["fold"] + 1 for row in mine], [row["score"] for row in mine]
        axes.plot(places, scores, **{"linewidth": 1.0, "alpha": 1.0 if trial == best else 0.6} | look)
        if mine and state != COMPLETE:
            axes.plot(places[-1:], scores[-1:], "o", markerfacecolor="white", markeredgecolor=color, markersize=5)
    axes.set_xlabel("folds finished")
    axes.set_ylabel("average precision so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    drawn = {row["trial"] for row in rows}
    shown = {states[trial] for trial in drawn}
    legend = [line("best", BEST_COLOR, linewidth=2.2)] if best in drawn else []
    legend += [line("complete", TRIED, linewidth=1.0)] if COMPLETE in shown else []
    legend += [mark("o", "pruned here", BASELINE, markerfacecolor="white")] if PRUNED in shown else []
    legend += [mark("o", "failed after this", INK, markerfacecolor="white")] if FAILED in shown else []
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend))
    numbers = [{key: row[key] for key in ("trial", "fold", "name", "score")} for row in rows]
    return Drawing(figure, [row | {"state": states[row["trial"]]} for row in numbers])


def draw_trials(
    axes: Axes, results: SearchResults, placed: Sequence[tuple[float, Trial]], with_failed: bool = True
) -> None:
    """Draw trials as points of a place each: complete ones filled, pruned ones open, the best one as a diamond.

    With `with_failed`, those without a score are crosses at the lower edge.
    """
    best = results.best
    edge = axes.get_xaxis_transform()
    for place, trial in placed:
        if trial.score is None:
            if with_failed:
                axes.plot([place], [0.02], "x", color=INK, markersize=5, transform=edge, clip_on=False)
        elif trial == best:
            axes.plot([place], [trial.score], "D", color=BEST_COLOR, markeredgecolor="white", markersize=8, zorder=5)
        elif trial.state == COMPLETE:
            axes.plot([place], [trial.score], "o", color=TRIED, alpha=0.75, markeredgewidth=0, markersize=5.5)
        else:
            axes.plot([place], [trial.score], "o", markerfacecolor="white", markeredgecolor=BASELINE, markersize=5)


def add_legend(figure: Figure, trials: Sequence[Trial], others: Sequence[Line2D] = ()) -> None:
    """Say what the marks of `draw_trials` mean, those that are there."""
    shown = {trial.state for trial in trials if trial.score is not None}
    marks = [mark("D", "best", BEST_COLOR, markeredgecolor="white"), mark("o", "complete", TRIED, markeredgewidth=0)]
    marks = marks if COMPLETE in shown else []
    if shown - {COMPLETE}:
        marks.append(mark("o", "pruned (score of the folds finished)", BASELINE, markerfacecolor="white"))
    if any(trial.score is None for trial in trials):
        marks.append(mark("x", "pruned or failed, no score", INK))
    handles = [*marks, *others]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(len(handles), 1), handletextpad=0.3)


def trial_row(trial: Trial) -> dict[str, object]:
    """A trial's line in the numbers behind a figure."""
    return {"trial": trial.trial, "state": trial.state, "score": trial.score}
