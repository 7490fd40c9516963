"""FSDP: parameters, gradients and the optimizer's state are sharded over all processes."""

import warnings
from types import MethodType

from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ModelParallelStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from kindling.errors import UserError

STEPS = ("training_step", "validation_step", "test_step", "predict_step")


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2, over all processes, on GPUs and on CPUs.

    A checkpoint is one file with the whole model, which a single process can load. A module that
    overrides ``configure_model`` shards itself there, as Lightning has it; any other is one unit.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        # Private: "auto" is the number of nodes, and the processes are only known here.
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()
        module = self.lightning_module
        assert module is not None
        if not is_overridden("configure_model", module):
            # The strategy needs this hook; in the class, other strategies would call it too.
            module.configure_model = MethodType(shard, module)  # type: ignore[method-assign]


def shard(module: LightningModule) -> None:
    """Shard a module as one unit, which is gathered for each step.

    A net that is too large to be gathered overrides ``configure_model`` and shards its blocks.
    """
    if hasattr(module, "unshard"):  # called again before a test
        return
    assert module.device_mesh is not None
    # The view is a loss, which the Trainer does not change in place.
    warnings.filterwarnings("ignore", r"FSDP2-wrapped module .* returned a view tensor")
    for parameter in module.parameters():  # a tensor in channels-last order cannot be sharded
        parameter.data = parameter.data.contiguous()
    try:
        fully_shard(module, mesh=module.device_mesh["data_parallel"])
    except (NotImplementedError, ValueError) as error:  # such as a parameter that is a scalar
        name = type(module).__name__
        raise UserError(f"{name}: cannot be sharded ({error}); use PRESET=ddp") from error
    for step in STEPS:  # the Trainer calls these, and never forward
        register_fsdp_forward_method(module, step)
