"""Files with wrong content where a panel keeps its run.

`python tests/panels/wrong_files.py 2000` puts so many of them there, one after another, lets the
panel look and restore, and prints one line of JSON: what became of them and the memory it took.
"""

import itertools
import json
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))

import mutations

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, load_digits
from tutorial_lib.panels import TrainingPanel

PATIENCE = 60


def became(panel: TrainingPanel) -> str:
    """Let a panel look at its file and restore it; return what it says of it."""
    panel.clear()
    offered = not panel.restore_button.disabled
    if not offered:
        assert "What was saved here is not offered: " in panel.status.value
    assert ("A run was saved here: " in panel.status.value) == offered
    panel.restore()
    panel._session and panel._session.join(0 if panel.state == "ready" else PATIENCE)
    panel.refresh()
    said = panel.status.value
    assert len(said) < 5000
    assert offered or "Nothing was restored: " in said
    if "Nothing was restored: " in said:
        return "offered and not restored" if offered else "not offered"
    assert said.startswith(("<b>Restored:", "<b>Finished:")), said
    return "restored"


def go_on(panel: TrainingPanel) -> None:
    """Let the panel take a step of what was restored, and end it; it may diverge."""
    panel.pause()
    while panel.state == "running" and not panel._session.records():
        panel._session.join(0.01)
    panel.stop()
    panel._session.join(PATIENCE)
    panel.refresh()
    assert panel.state in ("stopped", "failed", "finished")


def main(number: int, seed: int = 0) -> dict[str, int]:
    """Try so many files; return what was seen. What must hold is asserted on the way."""
    data, settings = load_digits("sample", device="cpu"), Hyperparameters(batch_size=500)
    run = TrainingRun(LeNet5(), data, settings)
    list(itertools.islice(run, 10))
    contents = mutations.contents_of(run)
    mutations.limit_memory()
    before = mutations.most_memory()
    seen = dict.fromkeys(("not offered", "offered and not restored", "restored"), 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.run")
        panel = TrainingPanel(data, settings=settings, save_to=path)
        for what, content in mutations.wrong_contents(contents, number, seed=seed):
            path.write_bytes(content)
            try:
                seen[outcome := became(panel)] += 1
                if outcome == "restored" and panel.state == "ready":
                    go_on(panel)
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
            panel._autosave.end()
            for file in Path(folder).iterdir():
                file.unlink()
        panel.close()
    return seen | {"MB more": (mutations.most_memory() - before) // 1_000_000}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)))
