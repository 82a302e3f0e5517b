"""A search from its YAML to its tables: the story, top to bottom.

parts (who takes part in choosing) -> trials, each cross-validated inside its part -> best settings and defaults,
trained on all of the part and scored on who was left out -> tables, and the best settings as a YAML ready to run.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from common.errors import InputError, LostWorkError
from common.wording import duration
from pipeline.config.search import Search
from pipeline.config.search_space import Settings, settings_words
from pipeline.dataset.load import input_fingerprints
from pipeline.run_folder.provenance import begin_evaluation, now
from pipeline.run_folder.search.search_dir import SEARCH, SearchDir
from pipeline.run_folder.search.trials import FAILED, PRUNED, Trial
from pipeline.runtime.logs import log_file
from pipeline.runtime.progress import Bar, progress_bars
from pipeline.search.evaluation import Evaluation
from pipeline.search.features import Features
from pipeline.search.folder import (
    TimeSpent,
    forget_earlier,
    prepare_folder,
    require_alone,
    require_own_folder,
    require_same_settings,
)
from pipeline.search.outer import Chosen, score_outside
from pipeline.search.parts import Part, is_needed, make_parts
from pipeline.search.processes import FOLDER, OwnProcess
from pipeline.search.results import Outcome, write_outcome, write_progress
from pipeline.search.study import Claim, TrialQueue, open_storage, require_optuna
from pipeline.search.workers import Workers
from pipeline.training.embed import EmbeddedRecording

log = logging.getLogger(__name__)

Taken = Callable[[Sequence[EmbeddedRecording]], list[EmbeddedRecording]]
_POLL_S = 2.0
# So many trials that fail before any is scored are no matter of settings.
_MOST_FAILED = 3


@dataclass
class Work:
    """What all trials of a search share.

    Attributes
    ----------
    search : Search
    folder : SearchDir
    features : Features
    workers : Workers
    bar : Bar
        Of the fit in work.
    spent : TimeSpent
    on_trials : callable
        Called once when all trials are finished, before the best settings are scored outside.
    """

    search: Search
    folder: SearchDir
    features: Features
    workers: Workers
    bar: Bar
    spent: TimeSpent
    on_trials: Callable[[], object]

    def evaluation(self, chosen: Settings, part: Part) -> Evaluation:
        """Settings to be judged by those of a part who choose."""
        return self._evaluation(chosen, part.inside)

    def evaluation_with_outer(self, chosen: Settings, part: Part) -> Evaluation:
        """The same, and those whom the part holds out for a test."""
        return self._evaluation(chosen, part.all)

    def _evaluation(self, chosen: Settings, taken: Taken) -> Evaluation:
        # Without any it is the YAML's own: the defaults.
        config = self.search.space.experiment(chosen) if chosen else self.search.experiment
        recordings = taken(self.features.of(config))
        return Evaluation(
            config, self.search.settings.score, recordings, self.workers.executor(), self.folder.fits_path, self.bar
        )


def run_search(
    search: Search, folder: SearchDir, overwrite: bool = False, on_trials: Callable[[], object] = lambda: None
) -> Outcome:
    """Carry out a search, or what is left of it; several processes may do so in one folder.

    `on_trials` as of `Work`.

    Raises
    ------
    InputError
        If anything the user gave is wrong, or the folder holds something else.
    """
    require_optuna()
    with _one_process(folder, search, overwrite) as process, Workers(search.experiment, folder.path) as workers:
        features = Features(lambda item: is_needed(item, search.settings), workers)
        recordings = features.of(search.experiment)
        parts = make_parts(search.experiment, search.settings, [r.checked for r in recordings])
        if overwrite:
            # Not before all that was given is known to be right.
            forget_earlier(folder, process)
        facts = begin_evaluation() | {"kind": SEARCH, "inputs": input_fingerprints([r.checked for r in recordings])}
        prepare_folder(folder, search, facts)
        spent = TimeSpent(folder, process, facts)
        with progress_bars() as bars:
            outcome = _carry_out(
                Work(search, folder, features, workers, bars.add(""), spent, on_trials), parts, process
            )
        spent.note(finished=now())
    return outcome


@contextmanager
def _one_process(folder: SearchDir, search: Search, overwrite: bool) -> Iterator[OwnProcess]:
    """Be one of those who work in the folder; one that is new, and in which nothing came about, is deleted."""
    require_own_folder(folder)
    is_new = not folder.path.exists()
    try:
        with OwnProcess(folder.path) as process:
            if overwrite:
                require_alone(folder, process)
            else:
                require_same_settings(folder, search)
            with log_file(folder.log_path, folder.seen_from):
                yield process
    except InputError:
        if is_new and folder.path.is_dir() and all(path == folder.log_path for path in folder.path.iterdir()):
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _carry_out(work: Work, parts: Sequence[Part], process: OwnProcess) -> Outcome:
    name = work.search.experiment.name
    names = {part: f"{name}, {part.name}" if part.name else name for part in parts}
    queues = open_queues(work.search, work.folder, parts, process)
    _run_trials(work, queues)
    outcome = write_progress(work.search, work.folder, queues)
    best_of: dict[Part, Trial] = {}
    for part in parts:
        best = outcome.best_of(part)
        if best is None:
            raise InputError(
                f"No trial of {names[part]} came to its end. The first of them: {outcome.first_reason(part)} Change "
                "search.space, then start again with --overwrite."
            )
        best_of[part] = best
    work.on_trials()
    found: list[Chosen] = []
    for part, best in best_of.items():
        log.info("Best of %s: %s", names[part], settings_words(best.settings))
        if part.held_out:
            found.append(score_outside(work.evaluation_with_outer, part, best.settings))
            work.spent.note()
    write_outcome(work.search, work.folder, outcome, found)
    return outcome


def open_queues(
    search: Search, folder: SearchDir, parts: Sequence[Part], process: OwnProcess
) -> dict[Part, TrialQueue]:
    """The trials of each part. They are the same whatever the search is called, as the name decides nothing."""
    storage, lock_path = open_storage(folder.study_path), folder.path / FOLDER / "ask"
    return {part: TrialQueue(storage, part.name or SEARCH, search, process, lock_path) for part in parts}


def _run_trials(work: Work, queues: dict[Part, TrialQueue]) -> None:
    """Carry out trials until all are finished, by whomever."""
    is_waiting, seconds = False, list[float]()
    while not all(queue.is_finished() for queue in queues.values()):
        claimed = next(((p, q, c) for p, q in queues.items() if (c := q.claim()) is not None), None)
        if claimed is None:
            if not is_waiting:
                log.info("The last trials are in work elsewhere; waiting for them.")
            is_waiting = True
            time.sleep(_POLL_S)
            continue
        part, queue, claim = claimed
        started = time.monotonic()
        _run_trial(work, part, queue, claim)
        seconds.append(time.monotonic() - started)
        outcome = write_progress(work.search, work.folder, queues)
        work.spent.note()
        _tell(work.search, part, queue, claim, outcome, seconds)
        failed = outcome.failures_of(part)
        if len(failed) >= _MOST_FAILED and len(failed) == len(outcome.trials_of(part)):
            raise InputError(f"The first {len(failed)} trials failed, so the search ends here. {failed[0].why}")


def _run_trial(work: Work, part: Part, queue: TrialQueue, claim: Claim) -> None:
    """Cross-validate one setting and put down what came of it."""
    try:
        evaluation = work.evaluation(claim.chosen, part)
        seconds = 0.0
        for number, done in enumerate(evaluation.folds()):
            seconds += done.seconds
            why = queue.report(claim, number, done, evaluation.n_folds)
            if why is not None:
                queue.give_up(claim, PRUNED, why)
                return
        settled = evaluation.settle()
        queue.settle(claim, settled)
        score = evaluation.value()
    except InputError as error:
        # Workers may still be at its other fits.
        work.workers.stop()
        if isinstance(error, LostWorkError) and not queue.is_lost_again(claim, error):
            raise
        queue.give_up(claim, FAILED, str(error))
        return
    if score is None:
        queue.give_up(claim, FAILED, "its score is not defined on these recordings")
    else:
        queue.complete(claim, score, seconds + settled.seconds)


def _tell(
    search: Search, part: Part, queue: TrialQueue, claim: Claim, outcome: Outcome, seconds: Sequence[float]
) -> None:
    """One line a trial: what it was, how good, what is the best so far, how long the rest will take."""
    trials = outcome.trials_of(part)
    trial = next(one for one in trials if one.trial == claim.number)
    best = outcome.best_of(part)
    n_left = queue.n_trials - len(trials)
    score = "no score" if trial.score is None else f"{search.settings.score} {trial.score:.3f}"
    state = score if not trial.why else f"{trial.state} ({trial.why}), {score}"
    so_far = "" if best is None or best.score is None else f"; best so far {best.score:.3f} (trial {best.trial})"
    left = f"; about {duration(sum(seconds) / len(seconds) * n_left)} left" if n_left else ""
    where = f"{part.name}, " if part.name else ""
    log.info(
        "%strial %d (%d of %d; %s): %s; %s%s%s",
        where, claim.number, len(trials), queue.n_trials, settings_words(claim.chosen), state, duration(seconds[-1]),
        so_far, left,
    )  # fmt: skip
