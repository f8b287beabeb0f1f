"""Tasks: what documents become, what is put on the encoder, and what its logits mean.

All else of a run is the same for all tasks, and asks the task where it matters.
"""

from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.classification import Classification
from prefprop_cli.tasks.wikihop import WikiHop

__all__ = ["TASKS", "Task", "task_that_recognises"]

TASKS: dict[str, Task] = {
    "classification": Classification(),
    "wikihop": WikiHop(),
}
"""By the name under which `config/data_sets.py` says it of a data set."""


def task_that_recognises(head: bytes) -> Task:
    """The task for a file that begins so: classification where no other knows it as its own."""
    found = (task for task in TASKS.values() if task.recognises(head))
    return next(found, TASKS["classification"])
