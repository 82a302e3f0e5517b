"""What a head can say of a frame, by name. A new task is a new file and a new line here."""

from typing import Any

from models.tasks.base import Task
from models.tasks.binary import Binary
from models.tasks.exclusive import Exclusive

__all__ = ["TASKS", "Binary", "Exclusive", "Task", "task_from"]

TASKS: dict[str, type[Task]] = {
    "binary": Binary,
    "exclusive": Exclusive,
}


def task_from(settings: Any) -> Task:
    """The task of these settings, or of this name.

    Raises
    ------
    KeyError, pydantic.ValidationError
        If there is none.
    """
    tree = {"name": settings} if isinstance(settings, str) else settings
    return TASKS[tree["name"]].model_validate(tree)
