"""Wrong content where a panel keeps its run: `python tests/panels/wrong_files.py` is more of it."""

import json
import os
import sys
from pathlib import Path

NUMBER = 40 * int(os.environ.get("TUTORIAL_THOROUGH", "1"))


def test_no_content_of_its_file_makes_a_panel_fail(warm_python):
    script = Path(__file__).with_name("wrong_files.py")
    command = [sys.executable, str(script), str(NUMBER)]
    done = warm_python.call(command)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    print(seen)
    assert seen["not offered"] > NUMBER / 2
    assert seen["offered and not restored"] == 0
    assert seen["MB more"] < 500
