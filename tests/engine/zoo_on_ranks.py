"""Run by torchrun: how far are the losses of each network of the zoo from those of one process?"""

import sys

import torch
import torch.distributed as dist
from zoo import ZOO

from tutorial_lib import Hyperparameters, TrainingRun
from tutorial_lib.data import Data, Split
from tutorial_lib.engine.distributed import DistributedRun, process_group
from tutorial_lib.models import make_model


def main(kinds: list[str]) -> None:
    """Train each on all ranks, and let rank 0 say the largest difference of a loss."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(33, 1, 32, 32, generator=draw)
    train = Split(images, torch.randint(10, (33,), generator=draw))
    data = Data("noise", "For tests.", train, train, torch.device("cpu"))
    settings = Hyperparameters(epochs=2, batch_size=7, learning_rate=0.02)
    with process_group() as rank:
        for kind in kinds:
            together = DistributedRun(make_model(ZOO[kind], 0), data, settings)
            list(together)
            alone = TrainingRun(make_model(ZOO[kind], 0), data, settings)
            pairs = zip(list(alone), together.history, strict=True)
            if rank == 0:
                print(kind, max(abs(one.loss - other.loss) for one, other in pairs), sep=":")
            dist.barrier()


if __name__ == "__main__":
    main(sys.argv[1:])
