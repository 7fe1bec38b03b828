"""What a notebook writes out inline agrees with the library's code of the same name.

A notebook that defines a function or class under a name that the library has needs a comparison
here: without one, its test fails.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from IPython.core.inputtransformer2 import TransformerManager
from torch import Tensor, nn

import tutorial_lib
from tutorial_lib.optimizers import OPTIMIZERS, Optimizer

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = [*sorted(FOLDER.glob("0*.ipynb")), *sorted(FOLDER.glob("solutions/0*.ipynb"))]
NUM_STEPS = 20
LEAST_WORDS = 40  # letters
EMPTY = ("An empty picture", "An empty pad")
EXACT = {"rtol": 1e-12, "atol": 0.0}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def library() -> dict[str, Any]:
    """Return the public functions and classes of all modules of the library, by name."""
    found: dict[str, Any] = {}
    for module_info in pkgutil.walk_packages(tutorial_lib.__path__, "tutorial_lib."):
        if module_info.name.endswith(("__main__", "nbgrader_judge")):  # the latter needs nbgrader
            continue
        module = importlib.import_module(module_info.name)
        for name, thing in vars(module).items():
            is_code = inspect.isfunction(thing) or inspect.isclass(thing)
            if is_code and thing.__module__ == module.__name__ and not name.startswith("_"):
                found[name] = thing
    return found


def statements(notebook: Path) -> Iterator[ast.stmt]:
    """Yield the top-level statements of the notebook's code cells; magics are skipped over."""
    to_python = TransformerManager().transform_cell
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            yield from ast.parse(to_python(cell.source)).body


def definitions(tree: list[ast.stmt], name: str) -> Iterator[Any]:
    """Yield each thing that these statements define under that name.

    Only imports, functions and classes are run: no training, no drawing.
    """
    namespace: dict[str, Any] = {"__name__": "notebook"}
    for statement in tree:
        defines = isinstance(statement, DEFINITIONS)
        if not defines and not isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        code = compile(ast.Module([statement], type_ignores=[]), "<notebook>", "exec")
        try:
            exec(code, namespace)
        except NameError:  # a default or decorator that needs the notebook's variables
            if defines and statement.name == name:
                raise
        if defines and statement.name == name:
            yield namespace[name]


def inline_names(tree: list[ast.stmt]) -> set[str]:
    return {statement.name for statement in tree if isinstance(statement, DEFINITIONS)}


LIBRARY = library()
TREES = {  # "03_optimizers", "solutions/03_optimizers"
    path.relative_to(FOLDER).with_suffix("").as_posix(): list(statements(path))
    for path in NOTEBOOKS
}
SHARED = [
    (notebook, name)
    for notebook, tree in TREES.items()
    for name in sorted(inline_names(tree) & LIBRARY.keys())
]


def gradients(generator: torch.Generator) -> Iterator[Tensor]:
    """Yield gradients of very different sizes, (5,) float64."""
    scale = torch.tensor([1e-4, 0.1, 1.0, 30.0, 1e4], dtype=torch.float64)
    for _ in range(NUM_STEPS):
        yield scale * torch.randn(5, dtype=torch.float64, generator=generator)


def same_steps(
    num_memories: int, *settings: dict[str, float], counts: bool = False
) -> Callable[[Callable, Callable], None]:
    """Return a comparison of two update rules: every step of every memory, per settings.

    Args:
        num_memories: How many tensors the rule remembers besides the weight.
        settings: Keyword arguments of the rule; the comparison is made for each of them.
        counts: Whether the rule is given the number of the step, from 1.
    """

    def compare(inline: Callable, ours: Callable) -> None:
        for keywords in settings:
            generator = torch.Generator().manual_seed(0)
            start = torch.randn(5, dtype=torch.float64, generator=generator)
            left = right = (start, *[torch.zeros_like(start)] * num_memories)
            for number, gradient in enumerate(gradients(generator), start=1):
                step = [number] if counts else []
                left = as_tuple(inline(left[0], gradient, *left[1:], *step, **keywords))
                right = as_tuple(ours(right[0], gradient, *right[1:], *step, **keywords))
                torch.testing.assert_close(left, right, **EXACT)

    return compare


def as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def same_loss(inline: Callable, ours: Callable) -> None:
    """Compare value and gradient of f(logits (B, 10), labels (B,)) on random batches."""
    generator = torch.Generator().manual_seed(0)
    for batch_size in (1, 2, 32):
        logits = 5 * torch.randn(batch_size, 10, dtype=torch.float64, generator=generator)
        labels = torch.randint(10, (batch_size,), generator=generator)
        results = []
        for loss in (inline, ours):
            leaf = logits.clone().requires_grad_()
            value = loss(leaf, labels)
            if value.requires_grad:
                value.sum().backward()
            results.append((value.detach(), leaf.grad))
        torch.testing.assert_close(*results, **EXACT)


def same_network(inline: type[nn.Module], ours: type[nn.Module]) -> None:
    """Compare shapes, and the logits once both hold the same weights."""
    left, right = inline(), ours()
    left.load_state_dict(right.state_dict())
    images = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(left(images), right(images))


def same_rule(entry: Optimizer) -> Callable[[Callable, Callable], None]:
    """Return a comparison of two ways to write an optimizer's rule, with a usual rate."""
    taken = inspect.signature(entry.rule).parameters
    settings = {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.3}
    keywords = {name: value for name, value in settings.items() if name in taken}
    return same_steps(len(entry.memory), keywords, counts="step" in taken)


MOMENTA = ({"learning_rate": 0.01, "momentum": 0.9}, {"learning_rate": 0.3, "momentum": 0.0})
ADAMS = (
    {"learning_rate": 0.01},
    {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},
)
RULES = {entry.rule.__name__: entry for entry in OPTIMIZERS.values()}
COMPARISONS: dict[str, Callable[[Any, Any], None]] = {
    **{name: same_rule(entry) for name, entry in RULES.items()},  # below, those with more settings
    "momentum_update": same_steps(1, *MOMENTA),
    "nesterov_update": same_steps(1, *MOMENTA),
    "rmsprop_update": same_steps(
        1, {"learning_rate": 0.01}, {"learning_rate": 0.1, "alpha": 0.5, "epsilon": 1e-3}
    ),
    "adam_update": same_steps(2, *ADAMS, counts=True),
    "adamw_update": same_steps(
        2, *ADAMS, *({**adam, "weight_decay": 0.3} for adam in ADAMS), counts=True
    ),
    "one_hot": same_loss,
    "mse": same_loss,
    "l1": same_loss,
    "LeNet5": same_network,
}


@pytest.mark.parametrize(("notebook", "name"), SHARED)
def test_inline_code_agrees_with_the_library(notebook, name):
    assert name in COMPARISONS, (
        f"{notebook}.ipynb defines {name!r}, as {LIBRARY[name].__module__} does: "
        "add how to compare the two to COMPARISONS, or give the inline one another name"
    )
    for inline in definitions(TREES[notebook], name):
        COMPARISONS[name](inline, LIBRARY[name])


def test_all_update_rules_stand_in_the_notebook_on_optimizers():
    assert {name for name in LIBRARY if name.endswith("_update")} == RULES.keys()
    assert RULES.keys() <= inline_names(TREES["03_optimizers"])


@pytest.mark.parametrize("notebook", TREES)
def test_the_test_digits_are_looked_at_once_and_at_an_end(notebook):
    code = "\n".join(map(ast.unparse, TREES[notebook]))
    if notebook == "04_training":
        assert code.count("evaluate(run.model, data.test)") == 1
    else:  # their number at most
        assert not re.search(r"(?<!len\()\bdata\.test\b", code)


WRONG = {
    "sgd_update": "def sgd_update(w, g, *, learning_rate): return w + learning_rate * g",
    "momentum_update": """
def momentum_update(w, g, v, *, learning_rate, momentum):
    v = momentum * v + (1 - momentum) * g  # dampened
    return w - learning_rate * v, v""",
    "nesterov_update": """
def nesterov_update(w, g, v, *, learning_rate, momentum):
    v = momentum * v + g
    return w - learning_rate * v, v  # no look ahead""",
    "rmsprop_update": """
def rmsprop_update(w, g, s, *, learning_rate, alpha=0.9, epsilon=1e-8):  # not torch's alpha
    s = alpha * s + (1 - alpha) * g**2
    return w - learning_rate * g / (s**0.5 + epsilon), s""",
    "adam_update": """
def adam_update(w, g, m, s, step, *, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g**2
    return w - learning_rate * m / (s**0.5 + epsilon), m, s  # no bias correction""",
    "mse": """
def mse(logits, labels):
    return ((logits - torch.eye(10)[labels]) ** 2).sum(dim=1).mean()  # a sum over the outputs""",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_caught(name):
    (wrong,) = definitions(ast.parse(f"import torch\n{WRONG[name]}").body, name)
    with pytest.raises(AssertionError, match="not close"):
        COMPARISONS[name](wrong, LIBRARY[name])


def test_every_definition_of_a_name_is_found_not_only_the_last():
    tree = ast.parse("def f(): return 1\nx = undefined\ndef f(): return 2").body
    assert [f() for f in definitions(tree, "f")] == [1, 2]


def cells_of(notebook: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(FOLDER / f"{notebook}.ipynb", as_version=4).cells


def pictures_of(notebook: str) -> Iterator[tuple[str, str, str]]:
    """Yield the cell's id, the words and the bytes of each picture that is saved there."""
    for cell in cells_of(notebook):
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                yield cell.id, output.metadata.get("image/png", {}).get("alt", ""), picture


@pytest.mark.parametrize("notebook", TREES)
def test_every_saved_picture_says_what_it_shows(notebook):
    pictures_by_words: dict[str, str] = {}
    for cell_id, words, picture in pictures_of(notebook):
        assert len(words) >= LEAST_WORDS, f"{cell_id}: {words!r}"
        if words.startswith(EMPTY):
            continue
        first = pictures_by_words.setdefault(words, picture)
        assert picture == first, f"{cell_id}: another picture has the same words: {words!r}"
        assert re.search(r"\d", words), f"{cell_id}: no number in {words!r}"


def test_no_cell_has_the_id_of_another_in_any_notebook():
    """A panel keeps its run under the id of its cell, and an exported page jumps to it."""
    ids = Counter(cell.id for notebook in TREES for cell in cells_of(notebook))
    assert [cell_id for cell_id, count in ids.items() if count > 1] == []
