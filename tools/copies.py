"""Make a learner's own copies of the notebooks, without outputs, and look after them.

Usage: python tools/copies.py [--fresh] [NOTEBOOK ...]

They stand in my-notebooks/, or where TUTORIAL_NOTEBOOKS_DIR says. What a learner has changed is
never written over: where the tutorial has a newer version, that is said. A copy that nobody has
changed is renewed. With --fresh the notebooks named, or all, are made anew, and the copies that
were there are kept beside them under another name. Solutions keep their outputs.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import filelock

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "my-notebooks"
FIRST = "00_start_here.ipynb"
ORIGIN = "tutorial_copy"  # in a copy's metadata: of which version it is, and what it held
PATIENCE_SECONDS = 60.0  # so long another program that makes copies is waited for


class Trouble(Exception):
    """Why no copy can be made, in one line."""


class Copies(NamedTuple):
    """Where the notebooks are, and where a learner's copies of them."""

    notebooks: Path
    folder: Path

    def names(self) -> list[str]:
        """Return the notebooks by their paths, as "solutions/03_optimizers.ipynb"."""
        paths = [*self.notebooks.glob("*.ipynb"), *self.notebooks.glob("solutions/*.ipynb")]
        return sorted(path.relative_to(self.notebooks).as_posix() for path in paths)

    def look_after(self, fresh: list[str] | None = None) -> list[str]:
        """Make what is missing, renew what nobody has changed; return a line for all the rest.

        Args:
            fresh: Notebooks that are made anew in any case; none of them: all. None: it was not
                asked for.

        Raises:
            Trouble: Nothing can be done.
        """
        lines = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _alone(self.folder):
                wanted = _chosen(fresh, self.names()) if fresh is not None else []
                for name in self.names():
                    lines += self._look_after(name, anew=name in wanted)
        except OSError as error:
            words = error.strerror or error
            raise Trouble(
                f"Your copies of the notebooks cannot be written to {self.folder}: {words}. Name "
                'another folder, as in: make lab TUTORIAL_NOTEBOOKS_DIR="~/my-notebooks"'
            ) from error
        return lines

    def _look_after(self, name: str, *, anew: bool) -> Iterator[str]:
        copy = self.folder / name
        try:
            original = _read(self.notebooks / name)
        except ValueError:
            yield f"The tutorial's own {name} is no whole notebook: there is no copy of it."
            return
        version = digest(original, with_outputs=False)
        if not os.path.lexists(copy):
            _write(copy, copied(original, keep_outputs=_is_solution(name)))
            return
        try:
            there = _read(copy)
        except ValueError:
            there = None
        origin = {} if there is None else there["metadata"].get(ORIGIN, {})
        is_untouched = bool(origin) and origin.get("held") == digest(there, with_outputs=True)
        if anew and not is_untouched:
            kept = _free_name(copy)
            copy.rename(kept)
            yield f"{copy.name} is new; your old one is {kept.name} beside it."
        elif there is None:
            yield (f"Your {name} is no whole notebook, and is left as it is. {_how_to_renew(name)}")
            return
        elif origin.get("version") == version or version == digest(there, with_outputs=False):
            return
        elif not is_untouched:
            yield f"There is a newer {name}; yours is left as it is. {_how_to_renew(name)}"
            return
        _write(copy, copied(original, keep_outputs=_is_solution(name)))


def main(arguments: list[str] | None = None) -> int:
    """Look after the copies as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="make them anew, and keep the old")
    parser.add_argument("notebooks", nargs="*", help="with --fresh: names; all if none")
    asked = parser.parse_args(arguments)
    if asked.notebooks and not asked.fresh:
        parser.error("names are for --fresh alone")
    try:
        folder = folder_of_copies()
        copies = Copies(ROOT / "notebooks", folder)
        for line in copies.look_after(asked.notebooks if asked.fresh else None):
            print(line)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    print(f"Your notebooks are in {folder}.")
    return 0


def folder_of_copies() -> Path:
    """Return the folder that TUTORIAL_NOTEBOOKS_DIR names, or else the one beside notebooks/."""
    named = os.environ.get("TUTORIAL_NOTEBOOKS_DIR")
    try:
        folder = Path(named).expanduser().absolute() if named else ROOT / FOLDER
    except RuntimeError:
        raise Trouble(f"TUTORIAL_NOTEBOOKS_DIR must name a folder; got {named!r}") from None
    folder = Path(os.path.normpath(folder))
    if folder == ROOT / "notebooks" or ROOT / "notebooks" in folder.parents:
        raise Trouble(f"{folder} holds the tutorial's own notebooks: name another one for copies")
    return folder


def copied(original: dict[str, Any], *, keep_outputs: bool) -> dict[str, Any]:
    """Return a notebook for a learner, which knows what it is a copy of."""
    cells = [dict(cell) for cell in original["cells"]]
    for cell in cells:
        if cell["cell_type"] == "code" and not keep_outputs:
            cell |= {"outputs": [], "execution_count": None}
    copy = original | {"cells": cells}
    origin = {
        "version": digest(original, with_outputs=False),
        "held": digest(copy, with_outputs=True),
    }
    return copy | {"metadata": original["metadata"] | {ORIGIN: origin}}


def digest(notebook: dict[str, Any], *, with_outputs: bool) -> str:
    """Return what tells two versions apart, whatever program has saved them."""
    parts: list[Any] = []
    for cell in notebook["cells"]:
        parts.append([cell["cell_type"], _joined(cell["source"])])
        if with_outputs:
            parts.append([_of_output(output) for output in cell.get("outputs", [])])
            parts.append(_joined(cell.get("attachments", {})))
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of_output(output: dict[str, Any]) -> Any:
    kept = ("output_type", "name", "text", "data", "ename", "evalue")  # not a count, not a format
    return _joined({key: output[key] for key in kept if key in output})


def _joined(value: Any) -> Any:
    """Return texts that stand as a list of lines, as they are in files, as one."""
    if isinstance(value, dict):
        return {key: _joined(part) for key, part in value.items()}
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "".join(value)
    return value


def _is_solution(name: str) -> bool:
    return name.startswith("solutions/")


def _how_to_renew(name: str) -> str:
    stem = name.removesuffix(".ipynb")
    command = f"make fresh NOTEBOOKS={stem}"
    if os.name == "nt":
        command = f".venv\\Scripts\\python tools\\copies.py --fresh {stem}"
    return f"To have it, and to keep yours beside it: {command}"


def _chosen(asked: list[str], names: list[str]) -> list[str]:
    """Return those of the names that were asked for, all if none was."""
    chosen = []
    for each in asked:
        name = each.replace("\\", "/").removesuffix(".ipynb").removeprefix("./")
        name = name.removeprefix(f"{FOLDER}/") + ".ipynb"
        if name not in names:
            raise Trouble(f"There is no notebook {each!r}; there are {', '.join(names)}.")
        chosen.append(name)
    return chosen or names


def _free_name(path: Path) -> Path:
    number = 1
    while os.path.lexists(free := path.with_name(f"{path.stem}-old-{number}{path.suffix}")):
        number += 1
    return free


def _read(path: Path) -> dict[str, Any]:
    """Return a notebook of format 4, or raise ValueError: it is none."""
    notebook = json.loads(path.read_text(encoding="utf-8"))  # not to be read: also a ValueError
    try:
        for cell in notebook["cells"]:
            cell["cell_type"], cell["source"]
        notebook["metadata"].get("")
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"{path} is no notebook") from None
    return notebook


def _write(path: Path, notebook: dict[str, Any]) -> None:
    """Put a notebook there, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # one name: what a kill left is written over
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _alone(folder: Path) -> filelock.BaseFileLock:
    """Return what keeps a second `make lab` from the folder until the first has made its copies."""
    lock = filelock.FileLock(folder / ".lock")
    try:
        return lock.acquire(timeout=PATIENCE_SECONDS)
    except filelock.Timeout:
        raise Trouble(
            f"Another program has been making copies in {folder} for a minute: try again once it "
            "has ended"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
