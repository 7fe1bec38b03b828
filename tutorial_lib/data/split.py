"""Images and their labels, and a digest of them: a run knows by it on which data it was trained."""

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor

CHUNK = 4_096  # rows hashed at a time: what is not contiguous is copied so many at a time


@dataclass(frozen=True, eq=False)
class Split:
    """Images and what they show.

    Args:
        images: (N, 1, 32, 32) float32, normalised.
        labels: (N,) int64 in 0..9.
    """

    images: Tensor
    labels: Tensor
    _images_digest: dict[tuple, str] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images)"

    @property
    def digest(self) -> str:
        """SHA-256 over type, shape and values of images and labels, in hex; on any device the same.

        Labels are read anew each time, images only after torch has changed them in place: what is
        written through `images.numpy()` is not seen once they have been read.
        """
        images = self._digest_if_known() or self.know_digest(tensor_digest(self.images))
        return hashlib.sha256((images + tensor_digest(self.labels)).encode()).hexdigest()

    def know_digest(self, images: str) -> str:
        """Take it that this is the digest of the images as they are now; return it."""
        self._images_digest.clear()
        if not self.images.is_inference():  # such tensors do not count their changes
            self._images_digest[self._images_now()] = images
        return images

    def _digest_if_known(self) -> str | None:
        return None if self.images.is_inference() else self._images_digest.get(self._images_now())

    def _images_now(self) -> tuple:
        """Return what is another one after a change in place."""
        images = self.images
        return images._version, images.data_ptr(), images.shape, images.stride()


def tensor_digest(tensor: Tensor) -> str:
    """Return the SHA-256 over type, shape and values of a tensor, in hex."""
    digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)}\n".encode())
    for rows in torch.atleast_1d(tensor.detach()).split(CHUNK):
        digest.update(rows.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
