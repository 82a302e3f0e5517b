"""The page: numbers, words and pictures of one run in one file that needs nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.colors import behavior_colors
from common.files import write_text
from pipeline.dataset.equal_findings import note_kinds
from pipeline.report.baselines import baseline_lines, baseline_words, leaks
from pipeline.report.class_tables import (
    CLASS_SCORE_WORDS,
    EACH_CLASS_WORDS,
    class_lines,
    clip_lines,
    each_class_lines,
    recording_class_lines,
)
from pipeline.report.detail_tables import (
    STATISTIC_WORDS,
    agreement_tables,
    calibration_lines,
    choice_lines,
    group_lines,
    reasons_not_available,
    statistics_agreement_lines,
    statistics_lines,
)
from pipeline.report.ensemble import ensemble_lines
from pipeline.report.figures.catalog import draw_figures
from pipeline.report.figures.rasters import raster_name
from pipeline.report.figures.scores import VARIANT_WORDS
from pipeline.report.figures.statistics import GROUP_MEASURES
from pipeline.report.figures.style import FigureFile
from pipeline.report.network_views import views_of_run
from pipeline.report.pages import render
from pipeline.report.prediction import found_in, summary_by_recording
from pipeline.report.proximity import body_length_words, pair_words, proximity_lines, proximity_sentences
from pipeline.report.recompute import recompute_scores
from pipeline.report.score_tables import FRAME_RATIOS, balance_lines, harm_done, score_lines, thesis_comparisons
from pipeline.report.strips import strip_groups
from pipeline.report.thesis import EXPERIMENTS
from pipeline.report.words.facts import present_files, provenance_rows, settings_groups, tells_apart, title_facts
from pipeline.report.words.glossary import METRIC_TERMS
from pipeline.report.words.method import method_words
from pipeline.report.words.paper import methods_paragraph
from pipeline.report.words.summary import notices, run_notes, summarize
from pipeline.run_folder.evidence import BOUT_F1
from pipeline.run_folder.reading import SUBSET_WORDS, Run, read_run, section
from pipeline.run_folder.run_dir import FIGURES, RunDir
from pipeline.run_folder.verdict import RULES

# More of them than this are folded away, so that the page stays readable.
_MAX_OPEN = 8
_SECTIONS = {
    "found": "What was found",
    "result": "Result",
    "classes": "Classes",
    "audit": "Data",
    "scores": "Frame scores",
    "ensemble": "What the ensemble adds",
    "baselines": "Baselines",
    "bouts": "Bouts",
    "postprocessing": "Post-processing",
    "curves": "Precision and recall",
    "confusion": "Confusion",
    "calibration": "Calibration",
    "agreement": "Human agreement",
    "proximity": "Proximity",
    "rasters": "Rasters",
    "strips": "Film strips",
    "views": "What the network sees",
    "statistics": "Publication statistics",
    "groups": "Groups",
    "protocol": "Protocols compared",
    "method": "Method",
    "training": "Training",
    "cost": "Cost",
    "thesis": "The thesis beside it",
    "settings": "Settings",
    "provenance": "Provenance",
    "files": "Files",
}


def write_report(run_dir: Path, is_being_written: bool = False) -> Path:
    """Make a run folder's figures and its `report.html`, from the folder's files alone.

    Parameters
    ----------
    run_dir : Path
        Folder of one run whose scores are written.
    is_being_written : bool
        Whether this is a part of making the run; else its manifest is brought up to date.

    Returns
    -------
    Path
        The page; an earlier one is replaced. The same files give the same bytes.

    Raises
    ------
    InputError
        When a file of the folder is missing or cannot be read, or the page cannot be written.
    """
    run = read_run(run_dir, is_being_written=is_being_written)
    page = render("report.html.j2", _context(run))
    path = RunDir(run_dir).report_path
    write_text(path, page)
    if not is_being_written:
        RunDir(run_dir).manifest.update([path.name, FIGURES])
    return path


def _context(run: Run) -> dict[str, Any]:
    figures = draw_figures(run, RunDir(run.path).figures_path)
    names = [raster_name(row) for row in run.recordings]
    rasters = [(row, figures[name]) for row, name in zip(run.recordings, names, strict=True) if name in figures]
    pooled = [line for name in run.behaviors for line in score_lines(run, name, pooled=True)]
    context: dict[str, Any] = {
        "run": run,
        "tables": run.tables,
        "colors": behavior_colors(run.behaviors),
        "cards": summarize(run),
        "rules": RULES,
        "notices": notices(run),
        "facts": list(title_facts(run)),
        "apart": tells_apart(run),
        "method": method_words(run),
        "paper": methods_paragraph(run),
        "audit": _audit(run),
        "notes": note_kinds(run_notes(run), [row.recording for row in run.recordings]),
        "balance": balance_lines(run),
        "baseline_lines": baseline_lines(run),
        "baseline_words": baseline_words(run),
        "leaks": leaks(run),
        "ensemble_lines": ensemble_lines(run),
        "pooled": pooled,
        "recording_lines": {name: score_lines(run, name, pooled=False) for name in run.behaviors},
        "class_lines": class_lines(run),
        "each_class_lines": list(each_class_lines(run)),
        "clip_lines": clip_lines(run),
        "recording_class_lines": recording_class_lines(run),
        "class_score_words": CLASS_SCORE_WORDS,
        "each_class_words": EACH_CLASS_WORDS,
        "harm": harm_done(run),
        "figures": figures,
        "rasters": rasters,
        "max_open": _MAX_OPEN,
        "thesis": thesis_comparisons(run),
        "thesis_experiments": EXPERIMENTS,
        "metric_terms": METRIC_TERMS,
        "recomputed": recompute_scores(run),
        "settings": settings_groups(run),
        "provenance": provenance_rows(run),
        "stages": run.provenance.get("stages") or [],
        "files": present_files(run),
        "subset_words": SUBSET_WORDS,
        "variant_words": VARIANT_WORDS,
        "frame_ratios": FRAME_RATIOS,
        "bout_f1": BOUT_F1,
        "choices": choice_lines(run),
        "calibration": calibration_lines(run),
        "agreement": agreement_tables(run),
        "proximity_lines": proximity_lines(run),
        "proximity_recordings": proximity_lines(run, pooled=False),
        "proximity_sentences": proximity_sentences(run),
        "proximity_pairs": pair_words(run),
        "body_length": body_length_words(run),
        "strips": strip_groups(run),
        "views": views_of_run(run),
        "statistics": {name: statistics_lines(run, name) for name in run.behaviors},
        "statistics_agreement": {name: statistics_agreement_lines(run, name) for name in run.behaviors},
        "statistic_words": STATISTIC_WORDS,
        "group_lines": group_lines(run),
        "measure_words": GROUP_MEASURES,
        "reasons": reasons_not_available,
        "found": found_in(run),
        "summaries": summary_by_recording(run),
        "failures": run.tables.failures,
    }
    return context | {"sections": _sections(run, context, figures)}


def _audit(run: Run) -> list[dict[str, Any]]:
    """One row per recording: its files, and how much of it is unknown to whom."""
    rows = []
    for row in run.recordings:
        lines = run.timelines.get(row.recording)
        scored = None if lines is None else lines.scored
        unscored = None if scored is None or not scored.size else 1 - float(scored.mean())
        observed = None if row.n_unobserved is None or not row.n_frames else row.n_unobserved / row.n_frames
        rows.append({"row": row, "unscored": unscored, "unobserved": observed})
    return rows


def _sections(run: Run, context: Mapping[str, Any], figures: Mapping[str, FigureFile]) -> dict[str, str]:
    """Sections that have something to show, in the order of the page."""
    tables = run.tables
    needs: dict[str, object] = {
        "found": context["found"],
        "result": not context["found"] or run.subsets,
        "classes": tables.class_scores,
        "scores": run.subsets,
        "baselines": len(run.baseline_names) > 1 or context["leaks"] or tables.importance,
        "ensemble": tables.ensemble,
        "bouts": tables.bout_scores,
        "postprocessing": context["choices"] or "variants" in figures,
        "curves": "precision_recall" in figures,
        "confusion": "confusion" in figures and not tables.confusion,
        "calibration": context["calibration"],
        "agreement": context["agreement"],
        "proximity": tables.proximity,
        "rasters": context["rasters"],
        "strips": context["strips"],
        "views": context["views"],
        "statistics": tables.statistics or tables.statistics_agreement,
        "groups": tables.groups,
        "protocol": tables.protocol,
        "training": "training" in figures,
        "cost": context["stages"],
        # Beside a lab's own mice the numbers of other mice would only mislead.
        "thesis": context["thesis"] and not context["found"] and run.config.get("recordings", "demo") == "demo",
        "settings": section(run.config, "behaviors"),
    }
    return {name: title for name, title in _SECTIONS.items() if needs.get(name, True)}
