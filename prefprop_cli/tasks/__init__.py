"""Tasks: what documents become, what is put on the encoder, and what its logits mean.

All else of a run is the same for all tasks, and asks the task where it matters. `tables.TASKS` has
a line for each.
"""

from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.base import Task


def task_that_recognises(head: bytes) -> Task:
    """The task for a file that begins so: classification where no other knows it as its own."""
    found = (task for task in TASKS.values() if task.recognises(head))
    return next(found, TASKS["classification"])
