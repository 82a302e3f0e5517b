"""What a search's page says in sentences: which settings, how good, how flattered, and whether it is more than luck."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from common.suggestions import listing
from common.tables import Row
from common.wording import FILTERS, NOT_AVAILABLE, setting
from pipeline.report.comparison.words import p_text
from pipeline.report.search.reading import SECONDS, SearchResults
from pipeline.run_folder.search.search_dir import BEST, DEFAULTS, MEAN, WHOLE
from pipeline.run_folder.search.trials import STATES, Trial, best_trial

_METHOD_WORDS = {
    "grid": "grid (every combination)",
    "random": "random",
    "bayes": "Bayesian (TPE)",
}


@dataclass(frozen=True)
class Verdict:
    """Whether the best settings are better than the defaults.

    Attributes
    ----------
    level : str
        `good`, `fair`, `poor` or `unknown`, as the page colors them.
    headline, sentence : str
    """

    level: str
    headline: str
    sentence: str


def change(value: float | None) -> str:
    """A difference with its sign (a true minus; none for an exact 0) and four decimals, or n/a."""
    if value is None:
        return NOT_AVAILABLE
    return f"{value:+.4f}".replace("-", "\u2212") if value else "0.0000"


def limits(row: Row | None) -> str:
    """The interval of a difference in brackets; empty where there is none."""
    if row is None or row["low"] is None or row["high"] is None:
        return ""
    return f"[{change(row['low'])}, {change(row['high'])}]"


def verdict(results: SearchResults) -> Verdict:
    """Are the best settings better than the defaults, where nothing was chosen?"""
    row = results.difference_of(MEAN)
    if row is None:
        why = "The outer scores of the best settings and of the defaults are not there yet."
        return Verdict("unknown", "Better than the defaults? n/a", why)
    if row["difference"] is None:
        return Verdict("unknown", "Better than the defaults? n/a", sentence(row["why"] or "a score is missing"))
    facts = _rests_on(results, row)
    if row["is_real"] is None:
        why = row["why"] or "an interval could not be computed"
        return Verdict(
            "unknown", "Whether they are better than the defaults cannot be told", f"{facts} {sentence(why)}"
        )
    if not row["is_real"]:
        why = f" {sentence(row['why'])}" if row["why"] else ""
        return Verdict("fair", "The difference is not real", f"{facts} It could be chance.{why}")
    if row["difference"] > 0:
        return Verdict("good", "Better than the defaults", facts)
    return Verdict("poor", "Worse than the defaults", f"{facts} Keep the defaults.")


def _rests_on(results: SearchResults, row: Row) -> str:
    """How far the best settings are from the defaults, and what that rests on."""
    difference = row["difference"]
    if difference == 0:
        how_far = "score as the defaults do, to the last digit,"
    else:
        how_far = f"score {abs(difference):.4f} {'higher' if difference > 0 else 'lower'} than the defaults"
    rests_on = [f"95 % interval {limits(row)}"] if limits(row) else []
    rests_on += [f"p {p_text(row['p_value'])}"] if row["p_value"] is not None else []
    n = row["n_individuals"]
    rests_on += [f"{n} individual{'' if n == 1 else 's'}"] if n is not None else []
    where = f" ({', '.join(rests_on)})" if rests_on else ""
    return f"Where nothing was chosen they {how_far}{where}."


def sentence(words: str) -> str:
    """Words as a sentence of their own."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def optimism_words(results: SearchResults) -> str:
    """What the optimism says, beside that of the defaults, which nobody chose here."""
    best, defaults = (results.outer_score(settings) for settings in (BEST, DEFAULTS))
    if best is None or best["optimism"] is None:
        return "The optimism is known when the outer scores are."
    if best["optimism"] > 0:
        said = "The best of many trials looks better than it is."
    else:
        said = "The best settings did no worse where nothing was chosen."
    if defaults is None or defaults["optimism"] is None:
        return said
    left = best["optimism"] - defaults["optimism"]
    return (
        f"{said} Of the defaults, which were not chosen here, inner minus outer is {change(defaults['optimism'])}: "
        "that "
        f"comes from the recordings and from learning on more of them. {change(left)} is left for choosing."
    )


def outer_words(results: SearchResults) -> str:
    """What the outer score was computed on."""
    row = results.outer_score(BEST)
    if row is None or row["outer"] is None:
        return "There is no outer score yet."
    numbers = ((row["n_recordings"], "recording"), (row["n_individuals"], "individual"))
    counts = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in numbers if n is not None]
    on = " of ".join(counts) or "recordings"
    if results.has_outer_parts:
        return (
            f"Outer: {on}, each scored by settings that were chosen without its part. Each part chose its own, so this "
            "is the score of searching in this way, not of one set of settings."
        )
    return f"Outer: {on} (test) that took no part in choosing."


def facts(results: SearchResults) -> Iterator[tuple[str, str]]:
    """The strip under the title."""
    asked = results.asked
    if "method" in asked:
        yield "Method", _METHOD_WORDS.get(str(asked["method"]), str(asked["method"]))
    yield "Trials", trial_counts(results.trials)
    yield "Objective", listing(list(results.objectives))
    if results.parts:
        yield "Outer parts", str(len(results.parts))
    elif "outer" in asked:
        yield "Outer", setting(asked["outer"])
    if results.config.get("recordings") == "demo":
        yield "Videos", "simulated (demo)"
    every = [*results.trials, *(trial for part in results.parts.values() for trial in part)]
    n_fits, n_shared = (sum(getattr(trial, name) or 0 for trial in every) for name in ("n_fits", "n_shared"))
    if n_fits:
        yield "Fits", f"{n_fits:,}, {n_shared:,} of them shared"
    stages = results.provenance.get("stages") or []
    seconds = sum(float(stage.get("seconds") or 0) for stage in stages)
    if seconds:
        # One that went on after a stop, or several at once.
        together = f", {len(stages)} processes together" if len(stages) > 1 else ""
        yield "Took", FILTERS["duration"](seconds) + together
    if results.provenance.get("finished"):
        yield "Finished", str(results.provenance["finished"])[:16].replace("T", " ")


def trial_counts(trials: tuple[Trial, ...]) -> str:
    """How many trials came to what end, e.g. `20: 15 complete, 5 pruned`."""
    found = Counter(trial.state for trial in trials)
    if not found:
        return "none yet"
    states = [f"{found[state]} {state}" for state in STATES if found[state]]
    return f"{len(trials)}: {', '.join(states)}" if len(states) > 1 else f"{len(trials)}, all {next(iter(found))}"


def chosen_by_part(results: SearchResults) -> list[tuple[str, Trial | None]]:
    """For the search on all training recordings and for each outer part, the best trial."""
    whole = [("all training recordings", results.best)] if results.trials else []
    return whole + [(f"without {name}", best_trial(trials)) for name, trials in results.parts.items()]


def agreement_words(results: SearchResults) -> str:
    """Whether the outer parts chose what the whole search chose; "" without parts or a best trial."""
    best = results.best
    chosen = [trial for trials in results.parts.values() if (trial := best_trial(trials)) is not None]
    if best is None or not chosen:
        return ""
    same = [key for key in results.settings if all(t.settings.get(key) == best.settings.get(key) for t in chosen)]
    if len(same) == len(results.settings):
        return "Every part chose the same settings."
    kept = f"All agree on {listing(same)}." if same else "They agree on no setting."
    return (
        f"{kept} Settings that change from part to part hardly matter, or there are too few recordings to choose them."
    )


def importance_reasons(results: SearchResults) -> list[str]:
    """Why the importance of settings, or its interval, is n/a; each reason once, with its settings."""
    reasons: dict[str, list[str]] = {}
    for row in results.importance:
        if row["why"]:
            reasons.setdefault(row["why"], []).append(row["setting"])
    if not results.importance:
        return ["The importance of the settings is n/a: it has not been computed yet."]
    every = {row["setting"] for row in results.importance}
    return [
        f"{'All settings' if set(names) == every and len(names) > 1 else listing(names)}: {why.rstrip('.')}."
        for why, names in reasons.items()
    ]


def parts_in_outer(results: SearchResults) -> list[str]:
    """What `search` says in outer.csv: all parts together first, then each."""
    return sorted(dict.fromkeys(row["search"] for row in results.outer), key=lambda name: name != WHOLE)


def counts_seconds(results: SearchResults) -> bool:
    """Whether seconds were searched for as well."""
    return SECONDS in results.objectives
