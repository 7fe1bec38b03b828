# Colab and Kaggle get the tutorial beside what they run. Elsewhere: nothing.
import os
import sys

if "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
    import importlib
    import subprocess
    from importlib.metadata import version

    print("Installing the tutorial; this takes some ten seconds.", flush=True)
    pip, kept = [sys.executable, "-m", "pip"], "/tmp/stays_as_it_is.txt"
    with open(kept, "w") as file:
        subprocess.run([*pip, "list", "--format=freeze"], stdout=file)
    pip += ["install", "--quiet", "--constraint", kept]
    source = "git+https://github.com/OWNER/REPO"
    done = subprocess.run([*pip, source], capture_output=True, text=True)
    if done.returncode:
        print("Is there a network? On Kaggle: Settings, Turn on internet.")
        raise RuntimeError(done.stderr)
    importlib.invalidate_caches()
    parts = ("tutorial_lib", "torch", "ipywidgets", "matplotlib")
    print("Ready:", ", ".join(f"{part} {version(part)}" for part in parts))
    print("Nothing else to set up, no `make lab`: Shift + Enter runs a cell.")
