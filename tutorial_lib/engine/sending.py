"""What a run is made of on its way to another process: its data, its network, its functions."""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from joblib import wrap_non_picklable_objects
from torch import Tensor

from tutorial_lib.data import Data, Split, load_digits
from tutorial_lib.data.streamed import StreamedSplit
from tutorial_lib.random_state import random_states, seeded

AT_ONCE = 64 << 20  # bytes
CPU = torch.device("cpu")
GetData = Callable[[Any], Data]  # get(device) -> data to train on, in another process


def as_code(thing: Any, what: str) -> bytes:
    """Return a thing as bytes for `of_code`; what a notebook or script defines goes with its code.

    Raises:
        TypeError: It cannot be sent; `what` says what it is.
    """
    try:
        return pickle.dumps(wrap_non_picklable_objects(thing, keep_wrapper=False))
    except Exception as error:  # whatever a learner's object holds
        raise TypeError(f"{what} cannot be sent to another process: {error}") from error


def of_code(content: bytes) -> Any:
    """Return the thing that `as_code` made these of."""
    return pickle.loads(content)


@dataclass(frozen=True)
class _Facts:
    """What data are besides their examples."""

    name: str
    notice: str
    noun: str
    classes: tuple[str, ...]

    @classmethod
    def of(cls, data: Data) -> "_Facts":
        return cls(data.name, data.notice, data.noun, data.classes)

    def with_examples(self, train: Any) -> Data:
        return Data(
            self.name,
            self.notice,
            train,
            test=None,
            device=train.device,
            noun=self.noun,
            classes=self.classes,
        )


def loaded_by_name(data: Data) -> GetData | None:
    """Return how another process loads digits by their name, if these still are as loaded."""
    make: Any = data.make_again
    while not isinstance(make, partial) and hasattr(make, "make"):  # others were held out
        make = make.make
    if not isinstance(make, partial) or make.func is not load_digits:
        return None
    is_same = data.make_again(CPU).train.digest == data.train.digest
    return data.make_again if is_same else None


def streamed(data: Data) -> GetData | None:
    """Return how another process reads a streamed training set, if it is one.

    Raises:
        TypeError: The data set cannot be sent.
    """
    if not isinstance(data.train, StreamedSplit):
        return None
    train = data.train
    parts = train.dataset, train.targets.cpu(), train.workers
    return partial(_from_code, as_code(parts, "the data set"), _Facts.of(data))


def _from_code(code: bytes, facts: _Facts, device: Any) -> Data:
    dataset, targets, workers = of_code(code)
    return facts.with_examples(StreamedSplit(dataset, targets, device, workers=workers))


def by_file(data: Data, path: Path) -> GetData:
    """Write the training set to a file that other processes of this machine share in memory.

    Raises:
        OSError, RuntimeError: It cannot be written.
    """
    tensors = [whole_tensor(tensor) for tensor in (data.train.inputs, data.train.targets)]
    torch.save(tensors, path)
    return partial(_from_file, path, _Facts.of(data))


def whole_tensor(tensor: Tensor) -> Tensor:
    """Return a tensor that lies in no larger one, which would be saved with it."""
    tensor = tensor.detach().cpu()
    is_part = tensor.untyped_storage().nbytes() != tensor.nbytes
    return tensor.clone() if is_part or tensor.is_inference() else tensor


def _from_file(path: Path, facts: _Facts, device: Any) -> Data:
    tensors = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    return facts.with_examples(Split(*(tensor.to(device) for tensor in tensors)))


class Broadcast:
    """Hands a training set in memory from rank 0 to the others: `send` there, call it here."""

    def __init__(self, data: Data) -> None:
        self._facts = _Facts.of(data)
        tensors = data.train.inputs, data.train.targets
        self._kinds = [(tuple(tensor.shape), tensor.dtype) for tensor in tensors]

    def __call__(self, device: Any) -> Data:
        """Return the data, on a rank other than 0."""
        tensors = [torch.empty(shape, dtype=dtype) for shape, dtype in self._kinds]
        for tensor in tensors:
            _broadcast(tensor)
        return self._facts.with_examples(Split(*(tensor.to(device) for tensor in tensors)))

    def send(self, data: Data) -> None:
        """Send the data, on rank 0."""
        for tensor in (data.train.inputs, data.train.targets):
            _broadcast(tensor.detach().cpu().contiguous())


def _broadcast(tensor: Tensor) -> None:
    for piece in tensor.view(-1).view(torch.uint8).split(AT_ONCE):
        dist.broadcast(piece, src=0)


def items_draw_at_random(split: Any) -> bool:
    """Say whether reading an example of a split draws from a global generator."""
    if not isinstance(split, StreamedSplit):
        return False
    with seeded(0):
        before = random_states(CPU)
        split.dataset[0], split.dataset[len(split) // 2]
        return random_states(CPU) != before


def as_bytes(state: dict[str, Any]) -> bytes:
    """Return a run's state as it goes to another process."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def from_bytes(content: bytes, device: torch.device) -> dict[str, Any]:
    """Return the state that `as_bytes` made these of."""
    return torch.load(io.BytesIO(content), map_location=device, weights_only=True)
