"""Examples that are read as they are needed, for data that does not fit into memory."""

import contextlib
import hashlib
import multiprocessing
import pickle
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, default_collate, get_worker_info

from tutorial_lib.checks import check_whole, shown
from tutorial_lib.data.split import chunk_size, tensor_digest
from tutorial_lib.random_state import call_seeded, seed_all

AHEAD = 2  # batches that each process reads ahead
MOST_WORKERS = 64
AT_ONCE = 64  # examples of a chunk that one process reads: a chunk is put together from several
SPREAD = 64  # examples that stand for all in the digest
WORTH_SECONDS = 0.3  # reading that would take less is done here: processes take as long to start
BY_VALUE = 1 << 10  # bytes of a tensor: two of them go through a pipe at once or, if killed, not
END_SECONDS = 1.0  # so long it may take until the system knows that a process has been killed
CPU = torch.device("cpu")
_HELD_IN_FORK = [  # Windows has no SIGHUP, and does not fork
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]

Asked = tuple[tuple[int, ...], Sequence[int]]  # what the draws depend on, the indices (B,)


class Unreadable(RuntimeError):
    """An example of a streamed data set cannot be read, or what reads them has ended."""


class StreamedSplit:
    """Examples that are read when they are asked for: inputs on disk, targets in memory.

    It is used as a `Split`, but for `inputs`, which nobody could hold. What an item draws at random
    from the global generators of torch, numpy and Python, to vary a picture say, depends on the
    run's seed, the epoch and the first example of the batch, whatever the number of processes. A
    generator of the data set's own would not be put back where a run goes on; use none.

    Args:
        dataset: Map-style, of items (input, target); all inputs of one shape.
        targets: Classes (N,) int64, from 0; or numbers to be predicted, (N, T) float32.
        device: Where batches, and the targets, are wanted.
        workers: Processes that read ahead; 0 reads here.

    Raises:
        TypeError, ValueError: The data set has not as many items as there are targets, or workers
            is none.
    """

    def __init__(
        self,
        dataset: Dataset,
        targets: Tensor,
        device: torch.device | str = "cpu",
        *,
        workers: int = 2,
    ) -> None:
        why = " (processes that read ahead; 0 reads in this one)"
        self.workers = check_whole("workers", workers, low=0, high=MOST_WORKERS, why=why)
        if len(dataset) != len(targets):
            raise ValueError(
                f"the data set must have an item for each target; it has {len(dataset):,} items, "
                f"and there are {len(targets):,} targets"
            )
        self.dataset = dataset
        self.targets = targets.to(device)

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} examples, read by {self.workers} processes)"

    @property
    def labels(self) -> Tensor:
        """The targets, where they are classes."""
        return self.targets

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example's input."""
        return tuple(self._example.shape)

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.targets.device

    @cached_property
    def _example(self) -> Tensor:
        """The first input, (...)."""
        return self.read(((0, 0), [0]))[0][0].cpu()

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Read the inputs (B, ...) and targets (B,) or (B, T) with these indices (B,), here.

        What they draw at random is the same each time.
        """
        return self.read(((0, 0), indices.tolist()))

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """Read inputs and targets of the first so many examples, or of all that there are."""
        return self.take(torch.arange(min(count, len(self))))

    def chunks(self, size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets in their order; what they draw at random is the same each time.

        Args:
            size: Examples at a time; None: 1,000, or fewer of large ones.
        """
        size = size or chunk_size(self._example.nbytes)
        parts = [
            [
                ((0, start), range(start, min(start + AT_ONCE, stop)))
                for start in range(first, stop, AT_ONCE)
            ]
            for first in range(0, len(self), size)
            for stop in [min(first + size, len(self))]
        ]
        if self.workers and len(self) * self._seconds_an_example > WORTH_SECONDS:
            reading = Workers(self, [asked for chunk in parts for asked in chunk])
        else:
            reading = contextlib.nullcontext()
        with reading as workers:
            read = self.read if workers is None else lambda _: workers.next()
            for chunk in parts:
                inputs, targets = zip(*map(read, chunk), strict=True)
                yield torch.cat(inputs), torch.cat(targets)

    def part(self, indices: Tensor) -> "StreamedSplit":
        """Return a split of the examples with these indices (M,)."""
        targets = self.targets[indices.to(self.device)]
        subset = Subset(self.dataset, indices.tolist())
        return StreamedSplit(subset, targets, self.device, workers=self.workers)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, over the targets, and over type, shape and values of 64 inputs.

        They are spread evenly, for reading all would take as long as an epoch; they are read once,
        so what is changed later is not seen.
        """
        count = min(SPREAD, len(self))
        indices = [number * len(self) // count for number in range(count)]
        inputs, _ = self.read(((0, 0), indices))
        texts = "streamed", tensor_digest(inputs), tensor_digest(self.targets)
        return hashlib.sha256("".join(texts).encode()).hexdigest()

    @cached_property
    def _seconds_an_example(self) -> float:
        self._example  # noqa: B018 - the first one of all may have to load something
        seconds = []
        for index in {0, len(self) // 2, len(self) - 1}:
            start = time.perf_counter()
            self.read(((0, 0), [index]))
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    def read(self, asked: Asked) -> tuple[Tensor, Tensor]:
        """Read examples here.

        Args:
            asked: What their draws depend on, and their indices.

        Raises:
            Unreadable: It says which one is not, and why.
        """
        return self.ready(_Items(self.dataset).__getitems__(asked))

    def ready(self, batch: "tuple[Tensor, Any] | Unreadable") -> tuple[Tensor, Tensor]:
        """Return a batch that was read on the split's device, its targets in the split's form."""
        if isinstance(batch, Unreadable):
            raise batch
        inputs, targets = batch
        if isinstance(targets, list | tuple):  # T numbers for each example
            targets = torch.stack([*targets], dim=1)  # (B, T)
        shape = (len(inputs), *self.targets.shape[1:])
        try:
            targets = targets.to(self.device, self.targets.dtype).reshape(shape)
        except (AttributeError, RuntimeError):
            raise Unreadable(
                f"the targets of a batch must be of shape {list(shape)}; the items have "
                f"{shown(targets)}"
            ) from None
        return inputs.to(self.device), targets


class Workers:
    """Processes that read batches ahead, in the order in which these are asked for.

    Args:
        asked: Told to the processes one by one, a few ahead of what is handed out.
    """

    def __init__(self, split: StreamedSplit, asked: Iterable[Asked]) -> None:
        self._split = split
        with _signals_wait(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of more workers than cores, of a fork among threads
            loader = DataLoader(
                _Items(split.dataset),
                batch_sampler=asked,
                num_workers=split.workers,
                prefetch_factor=AHEAD,
                collate_fn=_lightly,
                worker_init_fn=_begin_worker,
                generator=torch.Generator(),  # else it would draw from the learner's
            )
            try:
                self._batches = iter(loader)
            except OSError as error:
                raise Unreadable(
                    f"no processes can be started to read ahead ({error}): workers=0 reads here"
                ) from error
        # Else, at the death of one, torch raises wherever the main thread happens to be.
        torch.utils.data._utils.signal_handling._remove_worker_pids(id(self._batches))
        self._batches._worker_pids_set = False

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next batch that was asked for; after an exception there is none any more.

        Raises:
            Unreadable: An example is, or a process has ended; it says which or why.
        """
        try:
            batch = next(self._batches)
        except Exception as error:
            workers = self._batches._workers
            ended = wait([worker.sentinel for worker in workers], timeout=END_SECONDS)
            for worker in workers:
                if worker.sentinel in ended:
                    worker.join()  # it has closed its files, and has an exit code in a moment
            codes = [worker.exitcode for worker in workers if worker.exitcode is not None]
            raise Unreadable(_why_ended(codes)) from (None if codes else error)
        if isinstance(batch, tuple):
            batch = tuple(map(_as_tensor, batch))
        return self._split.ready(batch)

    def close(self) -> None:
        """End the processes."""
        self._batches._shutdown_workers()


class _Items:
    """Reads a batch of a data set as one thing, under a seed of its own, and collates it."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __getitems__(self, asked: Asked) -> "tuple[Tensor, Any] | Unreadable":
        depends_on, indices = asked
        seed = int(np.random.default_rng((*depends_on, 2)).integers(2**63))
        if get_worker_info() is not None:  # nobody else draws in this process
            seed_all(seed, CPU)
            return _collated(self.dataset, indices)
        return call_seeded(lambda: _collated(self.dataset, indices), seed, CPU)

    def __getstate__(self) -> bytes:
        """Return the data set with its code, as far as that is a notebook's or a script's."""
        from joblib import wrap_non_picklable_objects

        try:
            return pickle.dumps(wrap_non_picklable_objects(self.dataset, keep_wrapper=False))
        except Exception as error:  # whatever a learner's data set holds
            raise Unreadable(
                "the data set cannot be sent to the processes that read it ahead "
                f"({type(error).__name__}: {error}): workers=0 reads it here"
            ) from error

    def __setstate__(self, state: bytes) -> None:
        self.dataset = pickle.loads(state)


def _collated(dataset: Dataset, indices: Sequence[int]) -> "tuple[Tensor, Any] | Unreadable":
    """Return the inputs (B, ...) and targets of some examples, or why there are none."""
    try:
        items = _items(dataset, list(indices))
        inputs, targets = default_collate(items)
        if isinstance(inputs, Tensor):
            return inputs, targets
    except Unreadable as error:
        return error
    except Exception as error:  # the items are of different kinds or shapes
        return Unreadable(_why_no_batch(dataset, indices, items, error))
    return Unreadable(_why_no_batch(dataset, indices, items, None))


def _items(dataset: Dataset, indices: list[int]) -> list[Any]:
    """Read items, many at once where the data set can."""
    if getattr(dataset, "__getitems__", None):
        try:
            return dataset.__getitems__(indices)
        except Exception as error:
            failure = error
        for index in indices:  # to find out which one it is
            _item(dataset, index)
        raise Unreadable(f"a batch cannot be read: {_words(failure)}") from failure
    return [_item(dataset, index) for index in indices]


def _item(dataset: Dataset, index: int) -> Any:
    try:
        return dataset[index]
    except Exception as error:  # StopIteration, too, which would end the run as if it were done
        raise Unreadable(
            f"{_name(dataset, index)} cannot be read: {_words(error)}. Mend it or leave it out, "
            "then go on"
        ) from error


def _name(dataset: Dataset, index: int) -> str:
    """Return what an example is called in the data set that a learner handed in."""
    while isinstance(dataset, Subset):
        dataset, index = dataset.dataset, dataset.indices[index]
    return f"item {index} of the data set"


def _words(error: BaseException) -> str:
    """Return an exception as one line, with the place that it comes from."""
    places = traceback.extract_tb(error.__traceback__)
    where = f" ({places[-1].name}, line {places[-1].lineno})" if places else ""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(": ")
    return text + where


def _why_no_batch(
    dataset: Dataset, indices: Sequence[int], items: Sequence[Any], error: Exception | None
) -> str:
    """Say why items make no batch."""
    first = None
    for index, item in zip(indices, items, strict=False):
        name = _name(dataset, index)
        if not isinstance(item, list | tuple) or len(item) != 2:
            return f"{name} must be a pair (input, target); it is {shown(item)}"
        if not isinstance(item[0], Tensor | np.ndarray):
            kind = type(item[0]).__name__
            return f"the input of {name} must be a tensor; it is a {kind}: a transform makes it one"
        shape = list(item[0].shape)
        first = first or (name, shape)
        if shape != first[1]:
            return f"inputs must be of one shape; {first[0]} has {first[1]}, {name} has {shape}"
    return f"items {indices[0]} and others make no batch: {error and _words(error)}"


def _why_ended(codes: list[int]) -> str:
    """Say why processes have ended, by their exit codes."""
    if not codes:
        return "what was read ahead cannot be handed over; the next step reads anew"
    how = f"with exit code {codes[0]}"
    if codes[0] < 0:
        how = f"by signal {-codes[0]}"
        if -codes[0] == getattr(signal, "SIGKILL", 0):
            how += ", as where memory runs out"
        elif -codes[0] == getattr(signal, "SIGBUS", 0):
            how += ", as where shared memory (/dev/shm) is full"
    return (
        f"a process that reads the data ahead was ended {how}: the next step starts it anew; "
        "fewer workers take less memory, and workers=0 reads here"
    )


def _lightly(batch: Any) -> Any:
    """Let what is small travel by value: to share memory takes longer, 0.2 ms a tensor.

    More than 4 kB might be cut in the middle where a process is killed, and be waited for for ever.
    """
    if not isinstance(batch, tuple):
        return batch
    return tuple(
        values.numpy()
        if isinstance(values, Tensor)
        and values.dtype in (torch.float32, torch.int64)  # numpy does not know all of them
        and values.nbytes <= BY_VALUE
        else values
        for values in batch
    )


def _as_tensor(values: Any) -> Any:
    return torch.from_numpy(values) if isinstance(values, np.ndarray) else values


def _begin_worker(_: int) -> None:
    """Let the process that trains decide when this one ends: what interrupts it comes to all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_IN_FORK)
    torch.set_num_threads(1)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Let signals wait while processes are forked, which are to meet none before they are ready."""
    if multiprocessing.get_start_method() != "fork":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_IN_FORK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
