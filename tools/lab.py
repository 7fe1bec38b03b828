"""Open a learner's own copies of the notebooks in JupyterLab; copies.py says what these are.

Usage: python tools/lab.py [JupyterLab's own options]
"""

import os
import sys

from copies import FIRST, ROOT, Copies, Trouble, folder_of_copies


def main() -> int:
    """Make the copies ready, say what is to be known of them, and start JupyterLab."""
    try:
        folder = folder_of_copies()
        for line in Copies(ROOT / "notebooks", folder).look_after():
            print(line, flush=True)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    root = ROOT if ROOT in folder.parents else folder  # of what its file browser shows
    first = (folder / FIRST).relative_to(root).as_posix()
    options = [f"--ServerApp.root_dir={root}", f"--LabApp.default_url=/lab/tree/{first}"]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        options.append("--allow-root")
    print("Starting JupyterLab; Ctrl-C here, twice, stops it.", flush=True)
    from jupyterlab.labapp import main as open_lab  # loads for a second

    sys.argv[1:] = [*options, *sys.argv[1:]]
    return open_lab() or 0


if __name__ == "__main__":
    sys.exit(main())
