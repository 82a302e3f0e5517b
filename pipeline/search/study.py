"""Trials of a search as an Optuna study, in a journal that several processes and machines share.

Optuna proposes settings and says which trials to give up. Its samplers are seeded anew for each trial, by the trial's
number, and a trial whose process died is taken up by the next one: its settings and the folds it finished are in the
journal. So a search that is killed and started again ends as one that was not.
"""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import InputError, LostWorkError, WorkerEndedError
from pipeline.config.search import BAYES, GRID, HALVING, MEDIAN, NONE, Search
from pipeline.config.search_space import Dimension
from pipeline.run_folder.search.trials import COMPLETE, FAILED, PRUNED, setting_text
from pipeline.search.evaluation import Done
from pipeline.search.processes import OwnProcess
from pipeline.training.fits import derive_seed

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import JournalStorage
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, Trial

log = logging.getLogger(__name__)

# Trials at random before the method of Bayes begins, and complete ones before any is given up.
_N_RANDOM, _N_KEPT = 6, 4
_FIRST_PRUNED_AFTER = 2
_PROCESS, _FOLD, _SETTLED, _WHY, _SECONDS = "process", "fold ", "settled", "why", "seconds"
_GIVEN_UP, _ENDED = "given up", "processes that ended"

WHY_PRUNED = {
    MEDIAN: "below the median of the complete trials after {} of {} folds",
    HALVING: "not among the better half after {} of {} folds",
}


def require_optuna() -> None:
    """Raise where it isn't installed."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise InputError(
            "A search needs the package optuna, which is not installed. Type: python -m pip install -r requirements.txt"
        ) from None


def open_storage(path: Path) -> "JournalStorage":
    """The journal of all studies of a search; a last line that a killed process did not finish is cut off.

    Raises
    ------
    InputError
        If the journal is damaged.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _held(path):
        if path.is_file():
            content = path.read_bytes()
            if not content.endswith(b"\n"):
                with path.open("r+b") as file:
                    file.truncate(content.rfind(b"\n") + 1)
        # The lock is a file that is made: network folders understand no other.
        backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
    try:
        # Of a last line Optuna complains only once another one is written.
        json.loads(path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2] or b"{}")
        return JournalStorage(backend)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__}), so that the "
            "trials of this search cannot be read. Restore the file from a copy, or start the search again with "
            "--overwrite: the trials are made again, and the heads that are trained already are used again."
        ) from None


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keep others out who ask for the same path; one that was killed is waited for half a minute."""
    from optuna.storages.journal import JournalFileOpenLock

    lock = JournalFileOpenLock(str(path))
    lock.acquire()
    try:
        yield
    finally:
        # It was taken away from a process that slept.
        with contextlib.suppress(RuntimeError):
            lock.release()


@dataclass(frozen=True)
class Claim:
    """A trial that this process carries out.

    Attributes
    ----------
    trial : optuna.trial.Trial
    number : int
    chosen : mapping
        Its settings.
    known_steps : frozenset of int
        Numbers of folds, from 1, that an earlier process reported before it died.
    """

    trial: "Trial"
    number: int
    chosen: Mapping[str, Any]
    known_steps: frozenset[int]


class TrialQueue:
    """The trials of one search, in the order in which they are to be done.

    Parameters
    ----------
    storage : JournalStorage
    name : str
        Of the study.
    search : Search
    process : OwnProcess
    lock_path : Path
        Who hands trials out holds a lock of this name.
    """

    def __init__(
        self, storage: "JournalStorage", name: str, search: Search, process: OwnProcess, lock_path: Path
    ) -> None:
        import optuna

        self._search, self._process, self._lock_path = search, process, lock_path
        self._seed = derive_seed(search.experiment.seed, name)
        settings = search.settings
        self._points = search.space.points(search.experiment.seed) if settings.method == GRID else []
        self.n_trials = min(settings.trials or len(self._points), len(self._points) or settings.trials or 0)
        with _held(lock_path):
            self._study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=_directions(settings.is_timed),
                pruner=_pruner(settings.prunes),
                load_if_exists=True,
            )

    def trials(self) -> list["FrozenTrial"]:
        """All trials that began, by number."""
        from optuna.trial import TrialState

        found = self._study.get_trials(deepcopy=False)
        return [t for t in found if t.state != TrialState.WAITING]

    def is_finished(self) -> bool:
        """Whether as many trials ended as were asked for."""
        return sum(t.state.is_finished() for t in self.trials()) >= self.n_trials

    def claim(self) -> Claim | None:
        """The next trial to carry out: one whose process died, else a new one; None where others have them all."""
        from optuna.trial import Trial, TrialState

        with _held(self._lock_path), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trials = self.trials()
            left = [t for t in trials if t.state == TrialState.RUNNING and not self._process.lives(_owner(t))]
            if left:
                self._study.sampler = self._sampler(left[0].number)
                trial = Trial(self._study, left[0]._trial_id)
                log.info("Trial %d was cut off; it goes on.", trial.number)
            elif len(trials) < self.n_trials:
                trial = self._new_trial(len(trials))
            else:
                return None
            trial.set_user_attr(_PROCESS, self._process.facts)
            chosen = self._suggested(trial)
            known = frozenset(self._frozen(trial.number).intermediate_values)
        return Claim(trial, trial.number, chosen, known)

    def report(self, claim: Claim, number: int, done: Done, n_folds: int) -> str | None:
        """Put down a finished fold (from 0); why the trial is to be given up, if it is."""
        step, rule = number + 1, self._search.settings.prunes
        if step not in claim.known_steps:
            claim.trial.set_user_attr(f"{_FOLD}{number}", _facts(done))
            if done.score is not None and not self._search.settings.is_timed:
                claim.trial.report(done.score, step)
        # What an earlier process went on from, it was not to give up.
        went_on = any(later > step for later in claim.known_steps)
        if rule == NONE or step >= n_folds or went_on or done.score is None:
            return None
        # A rule may leave marks of its own: it is asked once.
        if _GIVEN_UP not in claim.trial.user_attrs and claim.trial.should_prune():
            claim.trial.set_user_attr(_GIVEN_UP, WHY_PRUNED[rule].format(step, n_folds))
        return claim.trial.user_attrs.get(_GIVEN_UP)

    def settle(self, claim: Claim, done: Done) -> None:
        """Put down what settings were chosen from."""
        if done.fits:
            claim.trial.set_user_attr(_SETTLED, _facts(done))

    def complete(self, claim: Claim, score: float, seconds: float) -> None:
        """End a trial with its score."""
        claim.trial.set_user_attr(_SECONDS, round(seconds, 3))
        self._tell(claim, "COMPLETE", [score, *([seconds] if self._search.settings.is_timed else [])])

    def give_up(self, claim: Claim, state: str, why: str) -> None:
        """End a trial without: `PRUNED` or `FAILED`."""
        claim.trial.set_user_attr(_WHY, why)
        self._tell(claim, {PRUNED: "PRUNED", FAILED: "FAIL"}[state], None)

    def is_lost_again(self, claim: Claim, error: LostWorkError) -> bool:
        """Whether a process ended at this trial for the second time, so that it is the trial's own doing."""
        if not isinstance(error, WorkerEndedError):
            return False
        n_ended = int(claim.trial.user_attrs.get(_ENDED, 0)) + 1
        claim.trial.set_user_attr(_ENDED, n_ended)
        return n_ended > 1

    def _tell(self, claim: Claim, state: str, values: Sequence[float] | None) -> None:
        from optuna.samplers import RandomSampler
        from optuna.trial import TrialState

        self._study.sampler = RandomSampler(seed=0)
        self._study.tell(claim.number, values, TrialState[state], skip_if_finished=True)

    def _new_trial(self, number: int) -> "Trial":
        if self._points and len(self._study.get_trials(deepcopy=False)) <= number:
            labels = {key: _label(value) for key, value in self._points[number].items()}
            self._study.enqueue_trial(labels)
        self._study.sampler = self._sampler(number)
        return self._study.ask()

    def _sampler(self, *names: object) -> "BaseSampler":
        from optuna.samplers import RandomSampler, TPESampler

        seed = derive_seed(self._seed, *map(str, names))
        if self._search.settings.method == BAYES:
            return TPESampler(n_startup_trials=_N_RANDOM, seed=seed, multivariate=not self._search.settings.is_timed)
        return RandomSampler(seed=seed)

    def _suggested(self, trial: "Trial") -> dict[str, Any]:
        # What is drawn together is drawn now, by this trial's own seed.
        _ = trial.relative_params
        chosen: dict[str, Any] = {}
        space = self._search.space
        for dimension in space.dimensions:
            if space.applies(dimension, chosen):
                self._study.sampler = self._sampler(trial.number, dimension.key)
                chosen[dimension.key] = value_of(dimension, _suggest(trial, dimension))
        return chosen

    def _frozen(self, number: int) -> "FrozenTrial":
        return self._study.get_trials(deepcopy=False)[number]


def _suggest(trial: "Trial", dimension: Dimension) -> Any:
    if dimension.choices:
        return trial.suggest_categorical(dimension.key, [_label(value) for value in dimension.choices])
    if dimension.is_whole:
        low, high, step = int(dimension.low), int(dimension.high), int(dimension.step or 1)
        return trial.suggest_int(dimension.key, low, high, step=step, log=dimension.log)
    return trial.suggest_float(dimension.key, dimension.low, dimension.high, step=dimension.step, log=dimension.log)


def folds_of(trial: "FrozenTrial") -> list[dict[str, Any]]:
    """Facts of the folds that a trial finished, in their order; what settings were chosen from is no fold."""
    found = {int(key[len(_FOLD) :]): facts for key, facts in trial.user_attrs.items() if key.startswith(_FOLD)}
    return [found[number] for number in sorted(found)]


def settled_of(trial: "FrozenTrial") -> dict[str, Any] | None:
    """Facts of the fits that a trial's post-processing was chosen from, if there were any."""
    return trial.user_attrs.get(_SETTLED)


def why_of(trial: "FrozenTrial") -> str:
    """Why a trial has no score."""
    return str(trial.user_attrs.get(_WHY, ""))


def state_of(trial: "FrozenTrial") -> str | None:
    """`COMPLETE`, `PRUNED` or `FAILED`; None of one that is not finished."""
    return {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED}.get(trial.state.name)


def settings_of(trial: "FrozenTrial", search: Search) -> dict[str, Any]:
    """Its settings, in the order of the space."""
    of = {dimension.key: dimension for dimension in search.space.dimensions}
    return {key: value_of(of[key], trial.params[key]) for key in of if key in trial.params}


def distribution_of(dimension: Dimension) -> "BaseDistribution":
    """A key of the space as Optuna takes it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.choices:
        return CategoricalDistribution([_label(value) for value in dimension.choices])
    if dimension.is_whole:
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, int(dimension.step or 1))
    return FloatDistribution(dimension.low, dimension.high, dimension.log, dimension.step)


def value_of(dimension: Dimension, found: Any) -> Any:
    """What Optuna gives back as it stands in the YAML."""
    if dimension.choices and isinstance(found, str):
        return next(value for value in dimension.choices if _label(value) == found)
    return found


def _label(value: Any) -> Any:
    """A choice as Optuna takes it: lists and mappings as text."""
    return value if isinstance(value, str | int | float | bool | None) else setting_text(value)


def _owner(trial: "FrozenTrial") -> Mapping[str, Any] | None:
    return trial.user_attrs.get(_PROCESS)


def _facts(done: Done) -> dict[str, Any]:
    return {"name": done.name, "score": done.score, "seconds": round(done.seconds, 3), "fits": list(done.fits)}


def _directions(is_timed: bool) -> "list[StudyDirection]":
    from optuna.study import StudyDirection

    return [StudyDirection.MAXIMIZE, *([StudyDirection.MINIMIZE] if is_timed else [])]


def _pruner(rule: str) -> "BasePruner":
    from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

    if rule == MEDIAN:
        return MedianPruner(n_startup_trials=_N_KEPT, n_warmup_steps=_FIRST_PRUNED_AFTER)
    if rule == HALVING:
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=2, min_early_stopping_rate=0)
    return NopPruner()
