"""Training ends where the monitored score has stopped improving."""

import sys
from typing import Any

from lightning.pytorch.callbacks import EarlyStopping

from kindling.training.schedules import MONITOR


class PatientStopping(EarlyStopping):
    """Lightning's ``EarlyStopping``, by a name that leaves it its own, which can never stop.

    Args:
        monitor: The logged score that decides; the default is left alone where it is not logged.
        patience: Validations without a better score before training stops; null never stops it.
        **kwargs: Of Lightning's ``EarlyStopping``.
    """

    # Lightning's own is put together anew for every hook of every step.
    state_key = "early_stopping"

    def __init__(self, monitor: str = MONITOR, patience: int | None = 5, **kwargs: Any) -> None:
        super().__init__(monitor, patience=sys.maxsize if patience is None else patience, **kwargs)
        self.strict = self.strict and monitor != MONITOR

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})
