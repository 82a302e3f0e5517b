"""The setting `task:`, and what other settings must be for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import BeforeValidator, Field

from common.names import unsafe_name_reason
from models.tasks import TASKS, Exclusive, Task
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig


def _word_as_name(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


if TYPE_CHECKING:
    AnyTask = Task
else:
    AnyTask = Annotated[
        Union[tuple(TASKS.values())],  # noqa: UP007
        Field(discriminator="name"),
        BeforeValidator(_word_as_name),
    ]


def exclusive_refusal(task: Exclusive, behaviors: Sequence[str], postprocess: object, calibration: str) -> str | None:
    """Say what can't go with exclusive classes, in one sentence; None when everything can."""
    if len(task.kinds(behaviors)) < 2:
        return "has one class only; name more behaviors, or the background: task: {name: exclusive, other: other}"
    if task.other is not None:
        reason = unsafe_name_reason(task.other)
        if reason:
            return f"calls the background {task.other!r}, which cannot be used in file names: {reason}"
        if task.other.casefold() in {name.casefold() for name in behaviors}:
            return f"has {task.other!r} among the behaviors and as the background (task.other); leave out one of them"
    unknown = [name for name in task.priority if name not in behaviors]
    if unknown:
        return f"names {unknown[0]!r} in task.priority, which is none of the behaviors ({', '.join(behaviors)})"
    if calibration != "none":
        return f"can't have calibration: {calibration} with exclusive classes; only binary heads are calibrated"
    if isinstance(postprocess, PostprocessConfig):
        usual = PostprocessConfig()
        changed = [
            key for key in ("threshold", "opening_s", "order") if getattr(postprocess, key) != getattr(usual, key)
        ]
        if changed:
            return (
                f"sets postprocess.{changed[0]}, which exclusive classes don't have (the most probable class is "
                "taken); leave it out"
            )
    return None
