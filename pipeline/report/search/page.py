"""The page of a search, `search.html`, made of the files beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.files import write_text
from common.wording import setting
from pipeline.report.comparison.words import p_text
from pipeline.report.pages import render
from pipeline.report.search.catalog import draw_search_figures
from pipeline.report.search.reading import SearchResults, read_search
from pipeline.report.search.scales import value_in_words
from pipeline.report.search.words import (
    agreement_words,
    change,
    chosen_by_part,
    counts_seconds,
    facts,
    importance_reasons,
    limits,
    optimism_words,
    outer_words,
    parts_in_outer,
    sentence,
    trial_counts,
    verdict,
)
from pipeline.run_folder.run_dir import FIGURES
from pipeline.run_folder.search.search_dir import BEST, DEFAULTS, SEARCH_FILES_IN_WORDS, SearchDir
from pipeline.run_folder.search.trials import COMPLETE, Trial, pareto_front

# More trials than this are folded away, so that the page stays readable.
_MAX_OPEN = 20
_SECTIONS = {
    "result": "Best settings",
    "outer": "Where nothing was chosen",
    "importance": "What mattered",
    "slices": "Score by setting",
    "trials": "Trials",
    "cost": "Score against seconds",
    "method": "How it was computed",
    "asked": "What was searched",
    "files": "Files",
}


def write_search_page(folder: Path) -> Path:
    """Make a search's figures and its page from the folder's files alone; an earlier page is replaced.

    It may be called while the search is under way: what is not known yet is n/a.

    Returns
    -------
    Path
        The page. The same files give the same bytes.

    Raises
    ------
    InputError
        When no trial came to its end, a file cannot be read, or the page cannot be written.
    """
    search = SearchDir(folder)
    results = read_search(folder)
    filters: dict[str, Callable[..., str]] = {write.__name__: write for write in (change, p_text, limits, sentence)}
    page = render("search.html.j2", _context(results), filters)
    write_text(search.report_path, page)
    search.manifest.update([search.report_path.name, FIGURES])
    return search.report_path


def _context(results: SearchResults) -> dict[str, Any]:
    figures = draw_search_figures(results, SearchDir(results.path).figures_path)
    best = results.best
    context: dict[str, Any] = {
        "results": results,
        "figures": figures,
        "best": best,
        "verdict": verdict(results),
        "difference": results.difference_of(),
        "outer_best": results.outer_score(BEST),
        "settings_words": {BEST: "best settings", DEFAULTS: "defaults"},
        "outer_names": parts_in_outer(results),
        "optimism_words": optimism_words(results),
        "outer_words": outer_words(results),
        "facts": list(facts(results)),
        "trial_counts": trial_counts,
        "ranked": [(title, ranked(trials)) for title, trials in _searches(results)],
        "chosen": chosen_by_part(results) if results.parts else [],
        "agreement_words": agreement_words(results),
        "importance_reasons": importance_reasons(results),
        "front": pareto_front(results.trials) if counts_seconds(results) else [],
        "setting_in_words": setting_in_words,
        "unsearched": {key: value_in_words(value) for key in results.settings if (value := unsearched(results, key))},
        "command_path": f"{results.path.resolve().parent.name}/{results.path.resolve().name}/best.yaml",
        "asked": [(str(key), setting(value)) for key, value in results.asked.items() if key != "space"],
        "space": [(key, space_in_words(results.asked["space"][key])) for key in results.asked.get("space") or {}],
        "max_open": _MAX_OPEN,
        "files": [(name, what) for name, what in SEARCH_FILES_IN_WORDS.items() if (results.path / name).exists()],
    }
    return context | {"sections": _sections(context)}


def _searches(results: SearchResults) -> list[tuple[str, tuple[Trial, ...]]]:
    return [("", results.trials)] + [(f"without {name}", trials) for name, trials in results.parts.items()]


def ranked(trials: tuple[Trial, ...]) -> list[Trial]:
    """Trials from the best to the worst; pruned ones, whose score is of fewer folds, and failed ones come last."""
    return sorted(trials, key=lambda t: (t.state != COMPLETE, t.score is None, -(t.score or 0.0), t.trial))


def setting_in_words(trial: Trial | None, key: str) -> str:
    """A setting of a trial, with all digits that count; a dash where it has none."""
    if trial is None or key not in trial.settings:
        return "–"
    return value_in_words(trial.settings[key])


def unsearched(results: SearchResults, key: str) -> object:
    """What the experiment says of a setting before any search; None where it says nothing."""
    part: object = results.config
    for name in key.split("."):
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def space_in_words(asked: object) -> str:
    """What was searched of a setting."""
    if isinstance(asked, dict) and {"low", "high"} <= asked.keys():
        scale = ", on a logarithmic scale" if asked.get("log") else ""
        step = f", in steps of {setting(asked['step'])}" if asked.get("step") else ""
        return f"{setting(asked['low'])} to {setting(asked['high'])}{scale}{step}"
    return value_in_words(asked)


def _sections(context: dict[str, Any]) -> dict[str, str]:
    """Sections that have something to show, in the order of the page."""
    figures = context["figures"]
    needs: dict[str, object] = {
        "slices": {"slices", "parallel"} & figures.keys(),
        "cost": "cost" in figures or context["front"],
        "asked": context["asked"] or context["space"],
    }
    return {name: title for name, title in _SECTIONS.items() if needs.get(name, True)}
