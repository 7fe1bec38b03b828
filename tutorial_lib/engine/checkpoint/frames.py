"""What lies in the file of a run: frames, to which more can be appended.

A frame is a line of text, with its length and a SHA-256 over it and all the frames before it, and
so many bytes. They are of two kinds: "history" holds the records of steps, "state" all the rest,
as it was after the steps of the frames before. What was torn off while it was written, or has
changed since, is seen, and what comes before it still counts.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

VERSION = 2  # raise it when what a file holds changes
START = b"tutorial_lib checkpoint "  # of every file of ours, and of no other
HEADER = re.compile(START + rb"(\d{1,9}): (\d{1,15}) bytes, sha256 ([0-9a-f]{64})\n")
WRONG_DIGEST = "is damaged: its SHA-256 is wrong"
HEADER_LIMIT = 200  # bytes; no header is longer
KINDS: dict[bytes, Literal["history", "state"]] = {b"H": "history", b"S": "state"}


class Damaged(Exception):
    """From here on a file is not as it was written; it says why."""


@dataclass(frozen=True)
class Frame:
    """A frame that is as it was written."""

    kind: Literal["history", "state"]
    start: int  # of its content in the file
    content: bytes
    digest: str  # over it and all before it, which the next frame begins with

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.start + len(self.content)


def make_frame(
    kind: Literal["history", "state"], content: bytes, digest: str
) -> tuple[list[bytes], str]:
    """Return a frame as pieces of a file, and the digest for the next one.

    Args:
        digest: Of the frame before; "" for none.
    """
    mark = kind[:1].upper().encode()
    digest = _digest(digest, mark, content)
    header = START + f"{VERSION}: {len(mark) + len(content)} bytes, sha256 {digest}\n".encode()
    return [header, mark, content], digest


def read_frames(file: BinaryIO, size: int) -> Iterator[Frame]:
    """Yield the frames of an open file of so many bytes, from its start.

    Raises:
        Damaged: The next frame is not whole.
    """
    digest, at = "", 0
    while at < size:
        line = file.readline(HEADER_LIMIT)
        header = HEADER.fullmatch(line)
        if header is None:
            is_start = len(line) < HEADER_LIMIT and line[: len(START)] == START[: len(line)]
            raise Damaged(_torn(size - at) if is_start else "has something else at its end")
        if int(header[1]) != VERSION:
            raise Damaged("is glued together from files of different formats")
        start, length = at + len(line), int(header[2])
        if size - start < length:
            raise Damaged(_torn(size - at))
        mark, content = file.read(1), file.read(length - 1) if length else b""
        before, digest = digest, header[3].decode()
        if mark not in KINDS or _digest(before, mark, content) != digest:
            raise Damaged(WRONG_DIGEST)
        yield Frame(KINDS[mark], start + 1, content, digest)
        at = start + length


def _torn(num_bytes: int) -> str:
    return f"is cut short: its last {num_bytes:,} bytes are the beginning of something longer"


def _digest(before: str, mark: bytes, content: bytes) -> str:
    digest = hashlib.sha256(before.encode())
    digest.update(mark)
    digest.update(content)
    return digest.hexdigest()
