"""Examples to learn from or to be scored on; a run knows by a digest what it learned from."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

CHUNK = 4_096  # rows hashed at a time: what is not contiguous is copied so many at a time
CHUNK_BYTES = 16 << 20  # of inputs that are answered at once


@dataclass(frozen=True, eq=False)
class Split:
    """Examples in memory, on one device.

    Args:
        inputs: (N, ...), of any shape and dtype; of digits (N, 1, 32, 32) float32, normalised.
        targets: Classes (N,) int64, from 0; or numbers to be predicted, (N, T) float32.
    """

    inputs: Tensor
    targets: Tensor
    _inputs_digest: dict[tuple, str] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} examples)"

    @property
    def images(self) -> Tensor:
        """The inputs, where they are images."""
        return self.inputs

    @property
    def labels(self) -> Tensor:
        """The targets, where they are classes."""
        return self.targets

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example's input."""
        return tuple(self.inputs.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.targets.device

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs (B, ...) and targets (B,) or (B, T) with these indices (B,)."""
        # As inputs[indices], in a third of the time.
        return self.inputs.index_select(0, indices), self.targets.index_select(0, indices)

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """Return copies of the first so many inputs and targets, or of all that there are."""
        return self.inputs[:count].clone(), self.targets[:count]

    def chunks(self, size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs, copied, for a network may change them in place, and targets in their order.

        Args:
            size: Examples at a time; None: 1,000, or fewer of large ones.
        """
        size = size or chunk_size(self.inputs[:1].nbytes)
        copies = (inputs.clone() for inputs in self.inputs.split(size))
        return zip(copies, self.targets.split(size), strict=True)

    def part(self, indices: Tensor) -> "Split":
        """Return a split of the examples with these indices (M,)."""
        return Split(*self.take(indices.to(self.device)))

    @property
    def digest(self) -> str:
        """SHA-256 over type, shape and values of inputs and targets, as hex, equal on all devices.

        Targets are read anew each time, inputs only after torch has changed them in place: what is
        written through `inputs.numpy()` is not seen once they have been read.
        """
        inputs = self._digest_if_known() or self.know_digest(tensor_digest(self.inputs))
        return hashlib.sha256((inputs + tensor_digest(self.targets)).encode()).hexdigest()

    def know_digest(self, inputs: str) -> str:
        """Take it that this is the digest of the inputs as they are now; return it."""
        self._inputs_digest.clear()
        if not self.inputs.is_inference():  # such tensors do not count their changes
            self._inputs_digest[self._inputs_now()] = inputs
        return inputs

    def _digest_if_known(self) -> str | None:
        return None if self.inputs.is_inference() else self._inputs_digest.get(self._inputs_now())

    def _inputs_now(self) -> tuple:
        """Return what is another one after a change in place."""
        inputs = self.inputs
        return inputs._version, inputs.data_ptr(), inputs.shape, inputs.stride()


def chunk_size(num_bytes: int) -> int:
    """Return how many examples are answered at once, whose inputs take so many bytes each."""
    return max(1, min(1000, CHUNK_BYTES // max(1, num_bytes)))


def tensor_digest(tensor: Tensor) -> str:
    """Return the SHA-256 over type, shape and values of a tensor, in hex."""
    digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)}\n".encode())
    for rows in torch.atleast_1d(tensor.detach()).split(CHUNK):
        digest.update(rows.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def indices_apart(targets: Tensor, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Draw examples to be held out, of each class its share; return the others, and those.

    No class loses its last example: `most_held` says how many there are to be held out.

    Args:
        targets: (N,) int64, or (N, T) float: then there are no classes.
        count: How many to hold out, 1 to `most_held`.

    Returns:
        (N - count,) and (count,), both in ascending order.
    """
    draw = np.random.RandomState(seed)  # private, and NumPy promises that its numbers never change
    labels = _labels_of(targets)
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    exact = [count * len(indices) / len(labels) for indices in by_class]
    shares = [int(share) for share in exact]
    # What is left goes, one each, to the classes that lost most by rounding down.
    short = sorted(range(len(exact)), key=lambda number: shares[number] - exact[number])
    while left := count - sum(shares):
        can_give = [n for n in short if shares[n] < len(by_class[n]) - 1]
        assert can_give, f"at most {most_held(targets):,} can be held out; got {count:,}"
        for number in can_give[:left]:
            shares[number] += 1
    held = np.sort(
        np.concatenate(
            [draw.permutation(indices)[:n] for indices, n in zip(by_class, shares, strict=True)]
        )
    )
    kept = np.setdiff1d(np.arange(len(labels)), held)
    return torch.from_numpy(kept), torch.from_numpy(held)


def most_held(targets: Tensor) -> int:
    """Return how many examples can be held out while one of each class stays."""
    return len(targets) - len(np.unique(_labels_of(targets)))


def _labels_of(targets: Tensor) -> np.ndarray:
    """Return the classes (N,), of a regression a single one."""
    return np.zeros(len(targets), int) if targets.is_floating_point() else targets.cpu().numpy()
