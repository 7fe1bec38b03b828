"""Cut the copy of MindSpore's numbers that travels with the tutorial.

    python tools/cut_reference.py REFERENCE MNIST_RAW

REFERENCE is the folder with lenet_momentum_he_seed0.npz and losses.json, MNIST_RAW the one with
MNIST's four raw files. Writes tutorial_lib/reference/mindspore.npz.xz and losses.json; the README
there says what they hold.
"""

import argparse
import io
import lzma
import shutil
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "tutorial_lib" / "reference"
FINAL_STRIDE = 8


def main() -> None:
    """Read, cut, write, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("mnist_raw", type=Path)
    options = parser.parse_args()
    arrays = cut(options.reference / "lenet_momentum_he_seed0.npz", options.mnist_raw)
    plain = io.BytesIO()
    np.savez(plain, **arrays)
    packed = lzma.compress(plain.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    (TARGET / "mindspore.npz.xz").write_bytes(packed)
    shutil.copyfile(options.reference / "losses.json", TARGET / "losses.json")
    print(f"{len(packed):,} bytes")


def cut(path: Path, mnist_raw: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the copy: digits in place of their positions, a part of the end."""
    whole = np.load(path)
    indices = whole["indices"].ravel()  # (3200,)
    images = (mnist_raw / "train-images-idx3-ubyte").read_bytes()
    labels = (mnist_raw / "train-labels-idx1-ubyte").read_bytes()
    arrays = {
        "pixels": np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)[indices],
        "labels": np.frombuffer(labels, np.uint8, offset=8)[indices],
        "first_batch": whole["first_batch"],
        "losses": whole["losses"],
        "final_stride": np.array(FINAL_STRIDE),
    }
    for name in whole.files:
        if name.startswith("initial."):
            arrays[name] = whole[name]
        if name.startswith("final."):
            arrays[name] = whole[name].ravel()[::FINAL_STRIDE]
    return arrays


if __name__ == "__main__":
    main()
