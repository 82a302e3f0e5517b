"""What a head can say of a frame, by name. A new task is a new file and a new line here."""

from models.tasks.base import Task
from models.tasks.binary import Binary

TASKS: dict[str, Task] = {
    "binary": Binary(),
}
