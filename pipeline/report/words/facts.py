"""What the page says of a run beside its scores: the strip under the title, settings, provenance, files."""

import re
from collections.abc import Iterator

from common.wording import FILTERS, setting
from pipeline.config.demo import DEMOS
from pipeline.report.figures.style import shorten
from pipeline.run_folder.contents import FILES_IN_WORDS, FOLDERS_IN_WORDS
from pipeline.run_folder.features import features_in_words, used_features
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, PREDICT, TEST, Run, section

_NOT_TOLD = ("execution.", "output_dir=", "cache_dir=", "workers=", "name=", "recordings=", "description=")


def tells_apart(run: Run) -> list[str]:
    """What tells a run apart from others of its name: its folder (`--output`) and what `--set` changed."""
    folder = run.path.resolve().name
    return ([folder] if folder != run.name else []) + changed_settings(run)


def changed_settings(run: Run, most: int = 3) -> list[str]:
    """The first settings that the command changed, as they were typed, and how many there are beside them."""
    # Runs of before 2026-12 have their command as one text.
    command = "" if "arguments" in run.provenance else _command(run.provenance.get("command"))
    typed = run.overrides or [words.strip("'\"") for words in re.findall(r"--set[ =](\S+)", command)]
    # Where things lie makes no other run, and a name is told anyway.
    told = [shorten(words, 40) for words in typed if not words.startswith(_NOT_TOLD)]
    more = [f"{len(told) - most} more"] if len(told) > most else []
    return told[:most] + more


def present_files(run: Run) -> list[tuple[str, str]]:
    """Files of the folder and what they are; folders end in a slash."""
    files = [(name, what) for name, what in FILES_IN_WORDS.items() if (run.path / name).exists()]
    return files + [(f"{name}/", what) for name, what in FOLDERS_IN_WORDS.items() if (run.path / name).is_dir()]


def title_facts(run: Run) -> Iterator[tuple[str, str]]:
    """The strip under the title."""
    if section(run.config, "head"):
        yield "Head", run.head_name
    if features_in_words(run):
        yield "Features", features_in_words(run)
    words = {CROSS_VALIDATION: "for training", TEST: "for test", EVALUATION: "evaluated", PREDICT: "predicted only"}
    counts = [f"{len(run.members(subset))} {word}" for subset, word in words.items() if run.members(subset)]
    yield "Recordings", ", ".join(counts)
    individuals = {row.individual for row in run.recordings if row.individual}
    if individuals:
        yield "Individuals", str(len(individuals))
    seconds_filmed = sum(row.n_frames / row.fps for row in run.recordings)
    yield "Filmed", FILTERS["duration"](seconds_filmed)
    if run.config.get("recordings") in DEMOS:
        yield "Videos", "simulated (demo)"
    seconds = sum(float(stage.get("seconds") or 0) for stage in run.provenance.get("stages") or [])
    if seconds:
        yield "Took", FILTERS["duration"](seconds)
    if run.provenance.get("finished"):
        yield "Finished", str(run.provenance["finished"])[:16].replace("T", " ")


def settings_groups(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """The configuration in groups, as (title, [(key, value)])."""
    titles = {
        "head": "Head",
        "training": "Training",
        "ensemble": "Ensemble",
        "backbone": "Backbone (as asked for)",
        "crop": "Crop",
        "center": "Center",
        "postprocess": "Post-processing",
        "tuning": "Choice of post-processing",
        "demo": "Demo",
        "execution": "Execution (changes no result)",
    }
    groups = []
    for key, title in titles.items():
        if section(run.config, key) and not (key == "demo" and run.config.get("recordings") not in DEMOS):
            groups.append((title, [(str(k), setting(v)) for k, v in section(run.config, key).items()]))
    # What is no mapping (for instance `postprocess: tune`) is told among the rest.
    hidden = {"name", "description", "behaviors", "demo", *(key for key in titles if section(run.config, key))}
    rest = [(str(key), _listed(value)) for key, value in run.config.items() if key not in hidden]
    return [*groups, ("Everything else", rest)]


def provenance_rows(run: Run) -> list[tuple[str, str]]:
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
    for number, source in enumerate(used_features(run), start=1):
        rows += [(f"Features {number}: {key}", setting(value)) for key, value in source.items() if value != ""]
    return rows


def _listed(value: object) -> str:
    """A setting; of a list of sources, what each says by itself."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        said = [{key: own for key, own in part.items() if own is not None} for part in value]
        return "; ".join(map(setting, said))
    return setting(value)


def _command(command: object) -> str:
    return " ".join(map(str, command)) if isinstance(command, list) else setting(command)
