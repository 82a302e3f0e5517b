"""The folder of a search: what lies where, and the tables it holds besides its trials (`trials`)."""

from pathlib import Path

from common.errors import InputError
from common.tables import Row
from pipeline.run_folder.contents import Table, number, text, truth, whole
from pipeline.run_folder.run_dir import FIGURES, RunDir

# What provenance.json calls the folder of a search.
SEARCH = "search"
# What `search` says in the tables of the search on all training recordings, and of scores over all outer parts.
WHOLE = ""
# What `behavior` says of a mean over behaviors.
MEAN = ""
BEST, DEFAULTS = "best", "defaults"


class SearchDir(RunDir):
    """The files of a search, by name; the trials' fits lie in `fits_path`, where they share them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.study_path = path / "study.journal"
        self.best_path = path / "best.yaml"
        self.report_path = path / "search.html"


def truth_if_told(cell: str) -> bool | None:
    """A truth value; None where empty."""
    return truth(cell) if cell else None


TRIAL_FOLDS = Table(
    "trial_folds.csv",
    (text, "search"),
    (whole, "trial fold"),
    (text, "name"),
    (number, "score seconds"),
)
OUTER = Table(
    "outer.csv",
    (text, "search settings behavior"),
    (number, "inner outer optimism"),
    (whole, "n_recordings n_individuals"),
)
DIFFERENCE = Table(
    "difference.csv",
    (text, "behavior"),
    (number, "best defaults difference low high p_value"),
    (whole, "n_individuals"),
    (truth_if_told, "is_real"),
    (text, "why"),
)
SETTING_IMPORTANCE = Table(
    "importance.csv",
    (text, "setting"),
    (number, "importance low high"),
    (whole, "n_trials"),
    (text, "why"),
)

# All but the trials may be missing while a search is under way.
SEARCH_TABLES = (TRIAL_FOLDS, OUTER, DIFFERENCE, SETTING_IMPORTANCE)

SEARCH_FILES_IN_WORDS = {
    "best.yaml": "the best settings, an experiment ready to run",
    "trials.csv": "every trial: settings, score, seconds",
    TRIAL_FOLDS.file: "every trial fold by fold",
    OUTER.file: "scores where nothing was chosen, and the optimism",
    DIFFERENCE.file: "best settings against the defaults",
    SETTING_IMPORTANCE.file: "how much each setting mattered",
    "config.yaml": "all settings of the search, defaults written out",
    "study.journal": "Optuna’s journal of the study (optuna-dashboard opens it)",
    "provenance.json": "versions, machine, seconds",
    "log.txt": "what happened, line by line",
    FIGURES: "every figure as PNG and SVG, with the numbers behind it as CSV",
}


def read_search_table(search: SearchDir, table: Table) -> list[Row]:
    """Rows of a table of a search; none where it is not written yet.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    path = table.path(search)
    search.manifest.require(path)
    try:
        return table.read_file(path)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> InputError:
    """The complaint of a file of a search that is not as it was written."""
    return InputError(
        f"{path} cannot be read as a search's {path.name}: {error}. It may have been edited or cut short; restore it, "
        "or start the search again: its finished trials are kept in study.journal."
    )
