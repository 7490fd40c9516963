"""The hooks of callbacks and models that are called in every step."""

from collections.abc import Iterable, Sequence

from lightning.pytorch import Callback, LightningModule

TRAINING = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
VALIDATION = ("on_validation_batch_start", "on_validation_batch_end")


def hooks(user: Callback | LightningModule) -> Sequence[str]:
    """Those that may be left out; of a model's for validation, the Trainer reads the signature."""
    return (*TRAINING, *VALIDATION) if isinstance(user, Callback) else TRAINING


def spare_unused(users: Iterable[Callback | LightningModule]) -> None:
    """Leave out of each step the hooks that a callback or a model inherits and that do nothing.

    The Trainer skips what cannot be called. Of a small net, fifty calls of nothing a step are a
    twentieth of its time.
    """
    for user in users:
        base = Callback if isinstance(user, Callback) else LightningModule
        for hook in hooks(user):
            if getattr(type(user), hook) is getattr(base, hook):
                setattr(user, hook, None)
