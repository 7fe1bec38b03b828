"""Run by torchrun: do all ranks hold the same weights and momentum, bit for bit?"""

from itertools import islice

import torch
import torch.distributed as dist

from tutorial_lib import Hyperparameters, LeNet5, load_digits
from tutorial_lib.engine.distributed import DistributedRun, process_group, rank_device


def main() -> None:
    """Train on all ranks, change settings on the way, and let rank 0 say how many ranks agree."""
    with process_group() as rank:
        data = load_digits("sample", device=rank_device())
        run = DistributedRun(LeNet5(seed=0), data, Hyperparameters(epochs=1))
        for record in islice(run, 60):
            if record.step == 30:  # 33 images cannot be shared evenly
                run.adjust(learning_rate=0.02, batch_size=33)
        memory = [each["momentum_buffer"] for each in run.optimizer.state.values()]
        tensors = [*run.model.state_dict().values(), *memory]
        mine = torch.cat([tensor.flatten() for tensor in tensors])
        all_ranks = [torch.empty_like(mine) for _ in range(run.processes)]
        dist.all_gather(all_ranks, mine)
        equal = sum(torch.equal(mine, other) for other in all_ranks)
        if rank == 0:
            print(f"{equal} of {run.processes} ranks agree after {run.step_number} steps")


if __name__ == "__main__":
    main()
