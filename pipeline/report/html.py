"""The page: numbers, words and pictures of one run in one file that needs nothing else."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.report.figures import draw_figures
from pipeline.report.run_files import CROSS_VALIDATION, PREDICT, SUBSET_WORDS, TEST, Run, read_run, section
from pipeline.report.score_tables import balance_lines, score_lines, thesis_comparisons
from pipeline.report.style import behavior_colors
from pipeline.report.summary import notices, recompute_scores, summarize
from pipeline.report.thesis import EXPERIMENTS
from pipeline.report.wording import FILTERS, setting
from pipeline.run_dir import write_text

_TEMPLATES_PATH = Path(__file__).parent / "templates"

# What the folder may hold, and what it is.
_FILES = {
    "config.yaml": "all settings, defaults written out",
    "scores.csv": "every score on this page",
    "baseline_scores.csv": "the baseline's scores",
    "recordings.csv": "the recordings",
    "training.csv": "loss and validation scores, epoch by epoch",
    "provenance.json": "versions, machine, seconds, weights",
    "log.txt": "what happened, line by line",
}
_FOLDERS = {
    "predictions": "probabilities and post-processed behavior, frame by frame",
    "bouts": "predicted bouts",
    "labels": "human labels, frame by frame",
    "baseline_predictions": "the baseline's probabilities",
    "heads": "trained heads, to be used on new videos",
    "figures": "every figure as PNG and SVG",
}
# More rasters than this are folded away, so that the page stays readable.
_MAX_OPEN_RASTERS = 8


def write_report(run_dir: Path) -> Path:
    """Make a run folder's figures and its `report.html`, from the folder's files alone.

    Parameters
    ----------
    run_dir : Path
        Folder of one run whose scores are written.

    Returns
    -------
    Path
        The page; an earlier one is replaced. The same files give the same bytes.

    Raises
    ------
    InputError
        When a file of the folder is missing or cannot be read, or the page cannot be written.
    """
    run = read_run(run_dir)
    page = render("report.html.j2", _context(run))
    path = run_dir / "report.html"
    write_text(path, page)
    return path


def render(template: str, context: Mapping[str, Any]) -> str:
    """Fill a template; everything that comes from the user is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES_PATH, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS | {"href": href}
    return environment.get_template(template).render(context)


def href(path: str) -> str:
    """A relative path as a link: spaces, accents and question marks survive."""
    return quote(path.replace("\\", "/"))


def _context(run: Run) -> dict[str, Any]:
    figures = draw_figures(run, run.path / "figures")
    rasters = [
        (row, figures[f"raster_{row.recording}"]) for row in run.recordings if f"raster_{row.recording}" in figures
    ]
    return {
        "run": run,
        "colors": behavior_colors(run.behaviors),
        "summaries": summarize(run),
        "notices": notices(run),
        "facts": list(_facts(run)),
        "protocol": _protocol_words(run),
        "settings": _settings(run),
        "balance": balance_lines(run),
        "pooled_lines": {name: score_lines(run, name, pooled=True) for name in run.behaviors},
        "recording_lines": {name: score_lines(run, name, pooled=False) for name in run.behaviors},
        "figures": figures,
        "rasters": rasters,
        "rasters_open": len(rasters) <= _MAX_OPEN_RASTERS,
        "thesis": thesis_comparisons(run),
        "thesis_experiments": EXPERIMENTS,
        "agreement": recompute_scores(run),
        "provenance": _provenance(run),
        "stages": run.provenance.get("stages") or [],
        "files": [(name, what) for name, what in _FILES.items() if (run.path / name).exists()],
        "folders": [(name, what) for name, what in _FOLDERS.items() if (run.path / name).is_dir()],
        "subset_words": SUBSET_WORDS,
    }


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    """The strip under the title."""
    backbone = section(run.provenance, "backbone")
    yield "Head", run.head_name
    yield "Backbone", str(backbone.get("used") or section(run.config, "backbone").get("name", "not stated"))
    words = {CROSS_VALIDATION: "for training", TEST: "for test", PREDICT: "predicted only"}
    counts = [f"{len(run.members(subset))} {word}" for subset, word in words.items() if run.members(subset)]
    yield "Recordings", ", ".join(counts)
    if run.config.get("recordings") == "demo":
        yield "Material", "simulated (demo)"
    seconds = sum(float(stage.get("seconds") or 0) for stage in run.provenance.get("stages") or [])
    if seconds:
        yield "Time", FILTERS["duration"](seconds)
    if run.provenance.get("finished"):
        yield "Finished", str(run.provenance["finished"])[:16].replace("T", " ")


def _protocol_words(run: Run) -> list[str]:
    """How the numbers came about, for the methods section of a paper."""
    words = []
    if CROSS_VALIDATION in run.subsets:
        words.append(
            "Cross-validation: each training recording is held out once, together with all other recordings "
            "of the same individual, and is predicted by heads that were trained on the rest."
        )
        if run.config.get("protocol") == "thesis":
            words.append(
                "Protocol “thesis” (as published): early stopping watches the held-out recording itself, which is "
                "then scored. The weights are therefore chosen by the very frames that judge them, and these numbers "
                "are optimistic."
            )
        else:
            words.append(
                "Protocol “nested”: early stopping watches another training recording; the held-out one is scored "
                "and decides nothing. Scaling and class weights come from the training recordings of each fold alone."
            )
            if run.config.get("refit"):
                words.append(
                    "Once the best epoch is known, the fold’s head is trained anew for so many epochs on training and "
                    "validation recordings together, just as the final heads are, and predicts the held-out recording."
                )
    if TEST in run.subsets:
        epochs = (
            "as many epochs as the median of the folds’ best"
            if CROSS_VALIDATION in run.subsets
            else "a fixed number of epochs"
        )
        words.append(
            f"Test: final heads are trained on all training recordings ({epochs}) and score the test recordings, "
            "which took no part in any decision, once."
        )
    words.append(
        "Pooled means: counts of all recordings are added up, and the precision-recall curve runs over all their "
        "frames together; it is no mean over recordings. Only frames that a human scored count. Average precision "
        "(AP) is the area under the precision-recall curve as a sum of steps; a model that guesses reaches the share "
        "of positive frames (“chance”). Accuracy is listed for comparison with older work only: for a rare behavior "
        "it is high whatever the model does."
    )
    rules = section(run.config, "postprocess")
    if rules:
        words.append(
            f"Post-processing: a frame is active at a probability of at least {setting(rules.get('threshold'))}; "
            f"then gaps of up to {setting(rules.get('max_gap_s'))} s are closed; then bouts shorter than "
            f"{setting(rules.get('min_bout_s'))} s are dropped. “Raw” scores use the threshold alone."
        )
    return words


def _settings(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """The configuration in groups, as (title, [(key, value)])."""
    titles = {
        "head": "Head",
        "training": "Training",
        "backbone": "Backbone (as asked for)",
        "crop": "Crop",
        "center": "Center",
        "postprocess": "Post-processing",
        "demo": "Demo",
    }
    groups = []
    for key, title in titles.items():
        if section(run.config, key) and not (key == "demo" and run.config.get("recordings") != "demo"):
            groups.append((title, [(str(k), setting(v)) for k, v in section(run.config, key).items()]))
    hidden = {*titles, "name", "description", "behaviors"}
    rest = [(str(key), setting(value)) for key, value in run.config.items() if key not in hidden]
    return [*groups, ("Everything else", rest)]


def _provenance(run: Run) -> list[tuple[str, str]]:
    """What was really run, as (name, value)."""
    facts = run.provenance
    rows = [
        ("Rearview", setting(facts.get("rearview_version"))),
        ("Started", setting(facts.get("started"))),
        ("Finished", setting(facts.get("finished"))),
        ("Command", _command(facts.get("command"))),
        ("Seed", setting(facts.get("seed"))),
        ("Python", setting(facts.get("python"))),
        ("Packages", setting(section(facts, "packages")) or "not stated"),
        ("Machine", setting(section(facts, "machine")) or "not stated"),
    ]
    git = section(facts, "git")
    changed = " with uncommitted changes" if git.get("dirty") else ""
    rows.append(("Code", f"{git.get('commit', '')}{changed}" if git else "not under version control"))
    rows += [(f"Backbone: {key}", setting(value)) for key, value in section(facts, "backbone").items() if value != ""]
    return rows


def _command(command: object) -> str:
    return " ".join(map(str, command)) if isinstance(command, list) else setting(command)
