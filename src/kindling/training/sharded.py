"""FSDP: parameters, gradients and the optimizer's state are shared out over all processes."""

import warnings

from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from kindling.errors import UserError

STEPS = ("training_step", "validation_step", "test_step", "predict_step")


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2, over all processes, on GPUs and on CPUs.

    A checkpoint is one file with the whole model, which a single process can load. A module that is
    not ours shards itself in ``configure_model``, as Lightning has it.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        # Private, since "auto" is the number of nodes, and that of processes is only known here.
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()


def shard(module: LightningModule) -> None:
    """Share out a module under this strategy, as one unit that is gathered for each step.

    A net that is too large to be gathered overrides ``configure_model`` and shards its blocks.
    """
    if module.device_mesh is None or hasattr(module, "unshard"):
        return
    # Of a loss, with which the Trainer does nothing in place.
    warnings.filterwarnings("ignore", r"FSDP2-wrapped module .* returned a view tensor")
    for parameter in module.parameters():  # what is in channels-last order cannot be cut
        parameter.data = parameter.data.contiguous()
    try:
        fully_shard(module, mesh=module.device_mesh["data_parallel"])
    except (NotImplementedError, ValueError) as error:  # such as a parameter that is a scalar
        name = type(module).__name__
        raise UserError(f"{name}: cannot be sharded ({error}); use PRESET=ddp") from error
    for step in STEPS:  # the Trainer calls these, and never forward
        register_fsdp_forward_method(module, step)
