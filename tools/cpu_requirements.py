"""Split requirements.lock for `make TORCH=cpu`: PyTorch's own packages, and all the others.

Usage: python tools/cpu_requirements.py LOCK FOLDER

Writes FOLDER/torch.txt, the versions of torch and torchvision, whose CPU builds have files, and so
hashes, of their own; and FOLDER/others.txt, the rest with its hashes, but what only a GPU needs.
"""

import re
import sys
from pathlib import Path

OWN = "torch", "torchvision"
FOR_A_GPU = re.compile(r"(nvidia|cuda)-|triton$")


def main() -> None:
    """Split the lock that the command line names."""
    lock, folder = map(Path, sys.argv[1:])
    own, others = split(lock.read_text(encoding="utf-8"))
    Path(folder, "torch.txt").write_text(own, encoding="utf-8")
    Path(folder, "others.txt").write_text(others, encoding="utf-8")


def split(lock: str) -> tuple[str, str]:
    """Return the lines for PyTorch's own packages, and those for all others that a CPU needs."""
    own, others = [], []
    for entry in re.split(r"^(?=[\w.-]+==)", lock, flags=re.MULTILINE):
        name = entry.partition("==")[0]
        if name in OWN:
            own.append(entry.partition(" \\\n")[0] + "\n")
        elif not FOR_A_GPU.match(name):
            others.append(entry)
    return "".join(own), "".join(others)


if __name__ == "__main__":
    main()
