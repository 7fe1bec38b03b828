"""A run on several processes, held from this one: as if it were a run here.

`ProcessesRun` starts the processes and asks rank 0 for one step after the other. Not asking is
stopping, so a Session can pause it and a panel can show it like any other.
"""

import contextlib
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tutorial_lib.checks import check_whole
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine.distributed import (
    DistributedRun,
    follow,
    lead,
    process_group,
    rank_device,
)
from tutorial_lib.engine.network_state import load_network_state, network_state
from tutorial_lib.engine.ranks import FOLDER, LINE, ProcessesEnded, Ranks, end_with_parent
from tutorial_lib.engine.records import Diverged, StepRecord
from tutorial_lib.engine.run import ADJUSTABLE
from tutorial_lib.engine.sending import (
    GetData,
    as_bytes,
    as_code,
    by_file,
    from_bytes,
    loaded_by_name,
    of_code,
    streamed,
)
from tutorial_lib.engine.state import state_of
from tutorial_lib.engine.train import TrainingRun
from tutorial_lib.hardware import fixed_threads, usable_cores
from tutorial_lib.losses import LossFunction
from tutorial_lib.models import copy_of, draws_at_random
from tutorial_lib.random_state import seeded

PASSES = 5  # of what a network may count or gather, before it draws or looks at it
STATE = "state"  # the question for the weights, which are then in the file of that name
DATA = "data"  # the file of what is learned from


class ProcessesRun(TrainingRun):
    """A TrainingRun whose steps are taken by several processes together.

    They start with the first step, and end with the run, with `close`, or when this process ends.
    The weights are brought here when somebody asks for the model or the state. Where a process is
    killed or stopped, or a step interrupted, all end, and the run goes back to the last weights
    brought here. What is done to the model in between, by hand, counts from the next step on.

    Args:
        model: It is sent with its code, if a notebook or script defines it.
        data: Digits as `load_digits` gave them the processes load by their name, others are
            written to a file that all share in memory; streamed ones they read by themselves.
        update: As in DistributedRun; it may be defined in a notebook, and so may a loss.
        processes: 1 or more; batch_size is that of all together.
        exact: Whether a network or a loss is refused whose steps are not those of one process,
            since each process sees its share of a batch alone.

    Raises:
        TypeError: Model, update, loss or a streamed data set cannot be sent to another process.
        ValueError: batch_size is less than processes, the network draws at random or looks at a
            whole batch, or the loss is no mean over the examples.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        *settings: Any,
        processes: int = 2,
        exact: bool = True,
        **options: Any,
    ) -> None:
        self.processes = check_whole("processes", processes, low=1)
        self._ranks: Ranks | None = None
        self._behind = False  # whether the ranks' weights are newer than those here
        self._handed_out = False  # whether somebody may have changed the model here since
        self._kept: dict[str, Any] = {}  # the state with the last weights that were brought here
        self._kept_steps = 0  # how many had been taken then
        self._lock = threading.RLock()  # the model may be asked for while a step is being taken
        super().__init__(model, data, *settings, **options)
        self._packed()
        streamed(data)
        if exact and processes > 1:
            inputs, targets = data.train.first(8)
            what, why = "network", why_not_shared(self.model, inputs)
            if not why and self.own_loss is not None:
                what, why = "loss", why_no_mean(self.own_loss, self.model, inputs, targets)
            if why:
                raise ValueError(
                    f"{self.processes} processes do not take the steps of one with this {what}: "
                    f"{why}. exact=False trains it all the same"
                )

    @property
    def model(self) -> nn.Module:
        """The network, with the weights of the last step."""
        self._fetch()
        self._handed_out = True
        return self._model

    @model.setter
    def model(self, model: nn.Module) -> None:
        self._model = model

    def state_dict(self, **options: Any) -> dict[str, Any]:
        """Return all that is needed to go on; see TrainingRun.state_dict."""
        self._fetch()
        return super().state_dict(**options)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the run whose `state_dict` this is; see TrainingRun.load_state_dict."""
        self.close()
        super().load_state_dict(state)
        self._kept = {}

    def close(self) -> None:
        """Bring the model here and end the processes; another step would start them again."""
        with self._lock:
            try:
                self._fetch()
            finally:
                self._end_ranks()
                super().close()

    def step(self) -> StepRecord:
        """Take one optimizer step on all processes together; see TrainingRun.step.

        Raises:
            ProcessesEnded: One of them was killed, stopped, or met with an error; it says which.
        """
        with self._lock:
            try:
                with self._back_on_error():
                    return self._step()
            except (Diverged, StopIteration):
                self.close()
                raise

    def take(self, count: int) -> list[StepRecord]:
        """Take one step, whatever the count: the processes wait to be asked for each."""
        return [self.step()]

    def _step(self) -> StepRecord:
        if self._ranks is not None and self._handed_out and self._was_changed():
            self._end_ranks()
        if self._ranks is None:
            self._keep()
        self._handed_out = False
        self.begin_step()
        if self._ranks is None:
            self._start()
        settings = {name: getattr(self.hyperparameters, name) for name in ADJUSTABLE}
        value, seconds = self._ranks.ask(settings)
        if seconds is None:
            raise self.divergence(value)
        self._behind = True
        return self.record_step(value, seconds)

    def settle_threads(self) -> None:
        """See that the processes have a number of threads each; here nothing is computed."""
        if self.threads is None:
            count = self.fixed_count() or max(1, usable_cores() // self.processes)
            self.use_threads(count, f"for each of {self.processes} processes")

    def fixed_count(self) -> int | None:
        """Return how many threads each process has if all share what the user has fixed."""
        fixed = fixed_threads()
        return None if fixed is None else max(1, fixed // self.processes)

    def threads_in_force(self) -> int:
        """Return how many threads each process has."""
        return self.threads

    def _start(self) -> None:
        state = as_bytes(state_of(self))

        def order(folder: Path) -> bytes:
            by_themselves = loaded_by_name(self.data) or streamed(self.data)
            get_data = by_themselves or by_file(self.data, folder / DATA)
            return pickle.dumps((*self._packed(), self.hyperparameters, get_data, state))

        self.waits_for = f"{self.processes} processes start and load torch"
        try:
            self._ranks = Ranks(self.processes, threads=self.threads, order=order)
        finally:
            self.waits_for = ""

    def _packed(self) -> tuple[bytes, bytes]:
        """Return the model, and its update and loss, as they are sent."""
        functions = {"update": self.update, "loss": self.own_loss}
        for name, function in functions.items():
            as_code(function, f"the {name}")
        return as_code(self._model, "the model"), as_code(functions, "update and loss")

    def _fetch(self) -> None:
        """Bring weights and the optimizer's memory here, if they are newer there."""
        with self._lock:
            if self._behind:
                with self._back_on_error():
                    self._ranks.ask(STATE)
                    state = from_bytes((self._ranks.folder / STATE).read_bytes(), self.data.device)
                    self._behind = False
                    load_network_state(self._model, state)
                    for name, weights in self._model.named_parameters():
                        weights.grad = state.get("gradients", {}).get(name)
                    self.optimizer.load_state_dict(state["optimizer"])
                    self._keep()

    def _keep(self) -> None:
        """Remember the state here; of the history, which only grows, its length."""
        self._kept_steps = self.step_number
        self._kept = state_of(self, history_from=self.step_number)
        self._handed_out = False  # `state_of` only looked

    def _was_changed(self) -> bool:
        """Say whether the model here is no longer what was brought here."""
        now = network_state(self._model)
        return not _equal(now, {name: self._kept[name] for name in now})

    @contextlib.contextmanager
    def _back_on_error(self) -> Iterator[None]:
        """End the processes on an error, and let the run stand where it was last brought here."""
        try:
            yield
        except (Diverged, StopIteration):
            raise
        except BaseException as error:  # an interrupt, too: its answer would be the next one's
            had_started = self._ranks is not None
            self._end_ranks()
            if self._kept:
                history = self.history[: self._kept_steps]
                super().load_state_dict(self._kept)
                self.history = history
            if had_started and isinstance(error, ProcessesEnded):
                where = f"the run stands at step {self.step_number:,}"
                raise ProcessesEnded(
                    f"{error}; {where}, where its weights were last brought here"
                ) from None
            raise

    def _end_ranks(self) -> None:
        if self._ranks is not None:
            self._ranks.close()
        self._ranks, self._behind = None, False


def why_not_shared(model: nn.Module, inputs: Tensor) -> str:
    """Return why processes do not take the steps of one with a model; "" if they do.

    Args:
        inputs: Some, (B, ...), B 4 or more. Copies of the model answer them.
    """
    whole, share = copy_of(model), copy_of(model)
    pairs: list[tuple[Tensor, Tensor]] = []
    for _ in range(PASSES):
        if draws_at_random(whole, inputs):
            return "it draws at random, and each process would draw the same for its own share"
        with torch.no_grad():
            pairs.append((whole(inputs.clone())[::2], share(inputs[::2].clone())))
    pairs += zip(whole.buffers(), share.buffers(), strict=True)
    if all(_close(one, other) for one, other in pairs):
        return ""
    return (
        "what it answers, or keeps, depends on the batch as a whole, as with batch normalisation "
        "in training mode, and each process sees its share alone"
    )


def why_no_mean(loss: LossFunction, model: nn.Module, inputs: Tensor, targets: Tensor) -> str:
    """Return why shares of a batch do not make up a loss of one's own; "" if they do.

    Args:
        inputs: Some, (B, ...), B 4 or more. A copy of the model answers them.
        targets: (B, ...).
    """
    half = len(inputs) // 2 * 2  # shares of the same size
    with torch.no_grad(), seeded(0, inputs.device):
        outputs, targets = copy_of(model)(inputs[:half]), targets[:half]
        if not isinstance(outputs, Tensor):
            return ""
        whole = loss(outputs, targets)
        shares = [loss(outputs[first::2], targets[first::2]) for first in (0, 1)]
    if _close(whole.reshape(()), torch.stack(shares).mean()):
        return ""
    return "it is not the mean over the examples, and each process sees its share of a batch alone"


def _close(one: Tensor, other: Tensor) -> bool:
    """Say whether tensors are the same but for rounding."""
    if one.shape != other.shape or not one.is_floating_point():
        return one.shape == other.shape and torch.equal(one, other)
    tolerance = min(0.05, 1000 * torch.finfo(one.dtype).eps)
    largest = one.abs().max().item() if one.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=tolerance * largest, equal_nan=True)


def _equal(one: Any, other: Any) -> bool:
    """Say whether two states, of tensors and plain values, are the same."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return one == other


def serve() -> None:
    """Take steps for a ProcessesRun: what each of its processes runs."""
    end_with_parent()
    folder, size = Path(os.environ[FOLDER]), int(os.environ["WORLD_SIZE"])
    with process_group(dist.FileStore(str(folder / "meeting"), size)) as rank:
        try:
            if rank > 0:
                follow()
            else:
                _lead(folder)
            dist.barrier()  # all have heard that it is over
        except BaseException:  # said at once: to take leave of the others may take long
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)  # to be taken apart while others are, torch's threads may abort


def _lead(folder: Path) -> None:
    """Take the steps that the process which started this one asks for, until it hangs up."""
    line = Connection(int(os.environ[LINE]))
    *parts, get_data, state = pickle.loads((folder / "order").read_bytes())
    run = lead(lambda: _ordered(*parts, get_data, state), get_data=get_data)
    line.send("ready")
    _answer(line, run, folder / STATE)


def _ordered(
    model: bytes,
    functions: bytes,
    hyperparameters: Hyperparameters,
    get_data: GetData,
    state: bytes,
) -> TrainingRun:
    """Return the run that a ProcessesRun ordered, where it stands."""
    data = get_data(rank_device())
    run = TrainingRun(of_code(model), data, hyperparameters, **of_code(functions))
    run.load_state_dict(from_bytes(state, data.device))
    return run


def _answer(line: Connection, run: DistributedRun, path: Path) -> None:
    """Do as asked until nobody asks any more; the state is written to the path."""
    while True:
        try:
            question = line.recv()
        except (EOFError, OSError):
            run.close()
            return
        if question == STATE:
            path.write_bytes(as_bytes(run.state_dict(history_from=run.step_number)))
            line.send("written")
            continue
        run.adjust(**question)
        try:
            record = run.step()
            line.send((record.loss, record.seconds))
        except Diverged as error:
            line.send((error.loss, None))


if __name__ == "__main__":
    serve()
