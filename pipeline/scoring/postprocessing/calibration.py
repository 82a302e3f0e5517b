"""Probabilities that mean what they say: of the frames at .8, four in five show the behavior.

Heads are trained with class weights, which multiply the odds that a head learns: its probabilities come
out shifted, and a long training makes them extreme as well. A calibration is a rising curve that mends
both. It never reorders frames, so it changes what a threshold means and not what can be reached by one.

It must be fitted on predictions of recordings that took no part in training (out of fold), and judged on
others than it was fitted on. How far probabilities are from what they say is
measured in `pipeline.scoring.reliability`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.reliability import PROBABILITY_FLOOR
from pipeline.scoring.timeline import BehaviorTimeline, joined_frames
from pipeline.scoring.undefined import NO_FRAMES, NO_NEGATIVES, NO_POSITIVES

CalibrationChoice = Literal["none", "temperature", "isotonic"]

# Perfectly separated frames would ask for a temperature of 0, worthless probabilities for an infinite one.
_MIN_TEMPERATURE, _MAX_TEMPERATURE = 0.05, 20.0


class Calibration(ABC):
    """A non-decreasing curve from a head's probabilities to calibrated ones."""

    kind: ClassVar[CalibrationChoice]

    def apply(self, probability: ArrayLike) -> NDArray[np.float32]:
        """Calibrate probabilities of any shape, in [0, 1]; NaN = not predicted, and stays NaN."""
        value = np.array(probability, dtype=np.float64)
        predicted = ~np.isnan(value)
        value[predicted] = np.clip(self._curve(value[predicted]), 0.0, 1.0)
        return value.astype(np.float32)

    @abstractmethod
    def _curve(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities before rounding, shape (n_frames,); no NaN comes in."""

    def to_json(self) -> dict[str, Any]:
        """All that determines the curve, as plain JSON values with the kind; see `calibration_from_json`."""
        settings = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return {"kind": self.kind, **settings}


@dataclass(frozen=True)
class NoCalibration(Calibration):
    """Probabilities as the head gives them, where a calibration was asked for and could not be fitted."""

    kind: ClassVar[CalibrationChoice] = "none"

    reason: str

    def _curve(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        return probability


@dataclass(frozen=True)
class TemperatureCalibration(Calibration):
    """Log-odds divided by a temperature, then shifted (Platt 1999; without shift: Guo et al. 2017).

    A temperature alone leaves .5 where it is and cannot undo class weights, which shift the log-odds by
    the logarithm of their ratio; hence the shift. A temperature of more than 1 makes probabilities less
    extreme, a shift below 0 all of them smaller.
    """

    kind: ClassVar[CalibrationChoice] = "temperature"

    temperature: float
    shift: float

    def __post_init__(self) -> None:
        """Refuse a curve that falls or is flat."""
        if not (np.isfinite(self.temperature) and self.temperature > 0 and np.isfinite(self.shift)):
            raise ValueError(
                f"Expected a positive temperature and a finite shift. "
                f"Received: temperature={self.temperature}, shift={self.shift}"
            )

    def _curve(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        log_odds = _log_odds(probability) / self.temperature + self.shift
        return np.exp(-np.logaddexp(0.0, -log_odds))


@dataclass(frozen=True)
class IsotonicCalibration(Calibration):
    """Any rising curve, straight between its knots and level beyond them (Zadrozny and Elkan 2002).

    It follows the data closely, so it wants many bouts, and it gives some different probabilities one
    and the same value, which changes average precision a little. The knots, one or more, have both values
    in [0, 1] and non-decreasing.
    """

    kind: ClassVar[CalibrationChoice] = "isotonic"

    raw: tuple[float, ...]
    calibrated: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse knots that make no rising curve."""
        if not self.raw or len(self.raw) != len(self.calibrated):
            raise ValueError(
                f"Expected as many calibrated values as raw ones, one at least. "
                f"Received: {len(self.raw)} raw, {len(self.calibrated)} calibrated"
            )
        for name, knots in (("raw", np.array(self.raw)), ("calibrated", np.array(self.calibrated))):
            if not (np.all((knots >= 0) & (knots <= 1)) and np.all(np.diff(knots) >= 0)):
                raise ValueError(f"Expected {name} values in [0, 1] that never fall. Received: {knots}")

    def _curve(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(probability, self.raw, self.calibrated)


def fit_calibration(choice: CalibrationChoice, recordings: Sequence[BehaviorTimeline]) -> Calibration | None:
    """Fit the calibration of the YAML's choice on all recordings, predicted out of fold, together.

    Frames that are not scored or not predicted are left out. None when `choice` is `none`; `NoCalibration`
    with the reason when the frames that count do not hold both positive and negative ones.
    """
    if choice == "none":
        return None
    true, probability = joined_frames(recordings)
    if not true.any() or true.all():
        return NoCalibration(NO_NEGATIVES if true.any() else NO_POSITIVES if true.size else NO_FRAMES)
    return _fit_temperature(true, probability) if choice == "temperature" else _fit_isotonic(true, probability)


def _fit_temperature(true: NDArray[np.bool_], probability: NDArray[np.float64]) -> TemperatureCalibration:
    """Find the temperature (between .05 and 20) and shift with the lowest log-loss."""
    from scipy.optimize import minimize

    log_odds = _log_odds(probability)

    def loss_and_gradient(curve: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mapped = curve[0] * log_odds + curve[1]
        loss = np.mean(np.logaddexp(0.0, mapped) - true * mapped)
        surprise = np.exp(-np.logaddexp(0.0, -mapped)) - true
        return float(loss), np.array([np.mean(surprise * log_odds), np.mean(surprise)])

    # Convex in slope and shift, so that where the search begins does not matter.
    found = minimize(
        loss_and_gradient,
        x0=np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1 / _MAX_TEMPERATURE, 1 / _MIN_TEMPERATURE), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    slope, shift = found.x
    return TemperatureCalibration(temperature=float(1 / slope), shift=float(shift))


def _fit_isotonic(true: NDArray[np.bool_], probability: NDArray[np.float64]) -> IsotonicCalibration:
    """Find the rising curve with the lowest squared error (scikit-learn's isotonic regression)."""
    from sklearn.isotonic import IsotonicRegression

    regression = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip")
    regression.fit(probability, true.astype(np.float64))
    return IsotonicCalibration(
        raw=tuple(regression.X_thresholds_.tolist()), calibrated=tuple(regression.y_thresholds_.tolist())
    )


def calibration_from_json(values: Mapping[str, Any]) -> Calibration:
    """Make the calibration again that `Calibration.to_json` wrote.

    Raises
    ------
    ValueError
        When the kind is unknown or its values are missing or make no rising curve.
    """
    known: tuple[type[Calibration], ...] = (NoCalibration, TemperatureCalibration, IsotonicCalibration)
    kinds: dict[str, type[Calibration]] = {calibration.kind: calibration for calibration in known}
    kind = kinds.get(str(values.get("kind")))
    if kind is None:
        raise ValueError(f"Expected a calibration of kind {', '.join(kinds)}. Received: kind={values.get('kind')!r}")
    settings = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name != "kind"
    }
    try:
        return kind(**settings)
    except TypeError as error:
        raise ValueError(f"The values of a calibration of kind {kind.kind} do not belong to it: {error}") from None


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probability, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.log(inside) - np.log1p(-inside)
