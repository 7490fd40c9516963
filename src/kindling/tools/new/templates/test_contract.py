"""What every problem promises, of this one."""

from kindling.testing import ProblemContract


class TestTaskName(ProblemContract):
    task = "task_name"
    trainer = {"max_epochs": 10}
