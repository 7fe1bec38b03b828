"""How well a model does on a whole split, and which examples it gets wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.checks import shown
from tutorial_lib.data import Data, Split
from tutorial_lib.losses import LossFunction, check_loss, check_outputs, loss_function
from tutorial_lib.models import Kept
from tutorial_lib.random_state import seeded
from tutorial_lib.waiting import Waiting

MetricFunction = Callable[[Tensor, Tensor], Any]  # metric(outputs, targets) -> one number


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """How a model does on a whole split; None stands for what its task does not have."""

    loss: float  # mean over the examples
    accuracy: float | None = None  # of a classification: share of examples named right, 0 to 1
    confusion: tuple[tuple[int, ...], ...] | None = None  # K x K: row = true class, column = answer
    mean_absolute_error: float | None = None  # of a regression, in the targets' unit
    r2: float | None = None  # of a regression: R squared, 1 at best; None if all targets are equal
    metric: float | None = None  # of the function that was handed in, if one was

    def __repr__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = ", ".join(
            f"{name}={value!r}" for name, value in values.items() if value is not None
        )
        return f"Evaluation({shown})"


@dataclass(frozen=True)
class ShownMetric:
    """What pictures and words show of how a model does besides its loss."""

    name: str  # "accuracy", "mean absolute error", or that of a learner's own
    field: str  # of an Evaluation or an EvaluationRecord
    is_share: bool  # whether it lies from 0 to 1 and is shown in percent

    def of(self, score: Any) -> float | None:
        """Return it of an Evaluation or an EvaluationRecord."""
        return getattr(score, self.field)


ACCURACY = ShownMetric("accuracy", "accuracy", is_share=True)


def shown_metric(data: Data, metric: MetricFunction | None = None) -> ShownMetric:
    """Return what is shown of a model on such data: a learner's own metric, or that of the task."""
    if metric is not None:
        name = getattr(metric, "__name__", type(metric).__name__).replace("_", " ")
        return ShownMetric(name, "metric", is_share=False)
    if data.task == "regression":
        return ShownMetric("mean absolute error", "mean_absolute_error", is_share=False)
    return ACCURACY


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Let a model only answer, in evaluation mode and without gradients; then it is as it was.

    That holds for each of its parts: one that was in evaluation mode before still is.
    """
    kept = Kept(model)
    copies = [buffer.clone() for buffer in kept.buffers]
    with_gradients = torch.is_grad_enabled()
    try:
        model.eval()
        torch.set_grad_enabled(False)  # inference_mode would leave tensors that cannot be trained
        yield
    finally:
        kept.put_back()
        for buffer, copy in zip(kept.buffers, copies, strict=True):
            buffer.copy_(copy)
        torch.set_grad_enabled(with_gradients)


def _answers(
    model: nn.Module, split: Split, chunk: int | None, *, check: bool = True
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the model's outputs (chunk, ...), and the targets (chunk, ...), for all in turn.

    What a model draws at random when it answers is the same each time.

    Raises:
        ValueError: The split is empty, or the outputs do not fit the targets.
    """
    if not len(split):
        raise ValueError("the split must hold at least one example; it has none")
    done = 0
    with Waiting("examples") as line:
        for number, (inputs, targets) in enumerate(split.chunks(chunk)):
            with seeded(number, inputs.device):
                outputs = model(inputs)
            if check:
                check_outputs(outputs, targets)
            yield outputs, targets
            done += len(targets)
            line.reach(done, len(split))


def _check_split(split: Any) -> None:
    """Refuse what is no split, the whole of the data say, or none at all."""
    if not hasattr(split, "chunks") or not hasattr(split, "targets"):
        raise TypeError(
            "the split must be one of data, as data.validation, data.test or data.train; got "
            f"{shown(split)}"
        )


def predict(model: nn.Module, split: Split | Tensor, *, chunk: int | None = None) -> Tensor:
    """Return what a model answers to every example, in evaluation mode; the model stays as it was.

    Args:
        split: On the model's device; or inputs alone (N, ...), of `data.prepare` say.
        chunk: Examples per forward pass; it changes the memory used, not the result. None: 1,000,
            or fewer of large ones.

    Returns:
        (N, K) logits of a classification, (N, T) numbers of a regression, on the CPU.
    """
    if isinstance(split, Tensor):
        blank = torch.zeros(len(split), dtype=torch.int64, device=split.device)
        with evaluating(model):
            answers = _answers(model, Split(split, blank), chunk, check=False)
            return torch.cat([outputs.cpu() for outputs, _ in answers])
    _check_split(split)
    with evaluating(model):
        outputs = torch.cat([outputs.cpu() for outputs, _ in _answers(model, split, chunk)])
    return outputs if split.targets.dim() == 1 else outputs.reshape(split.targets.shape)


def evaluate(
    model: nn.Module,
    split: Split,
    *,
    loss: str | LossFunction | None = None,
    metric: MetricFunction | None = None,
    chunk: int | None = None,
) -> Evaluation:
    """Score a model on every example of a split; the model is left as it was.

    Args:
        split: On the model's device.
        loss: The name of the loss to average over the examples, or a function as of `LOSSES`. None:
            cross-entropy of a classification, mean squared error of a regression.
        metric: A function of your own, metric(outputs (N, ...), targets (N, ...)) -> one number.
        chunk: Examples per forward pass; it changes the memory used, not the result. None: 1,000,
            or fewer of large ones.

    Raises:
        TypeError: The split is none, loss or metric are no function, or the metric did not return
            a number.
        ValueError: The split is empty, or the outputs of the model do not fit the targets.
    """
    _check_split(split)
    for field, function in {"loss": loss, "metric": metric}.items():
        is_name = field == "loss" and isinstance(function, str)
        if function is not None and not is_name and not callable(function):
            wanted = f"{field} must be a function, {field}(outputs, targets)"
            raise TypeError(f"{wanted}; got {shown(function)}")
    is_regression = split.targets.is_floating_point()
    if loss is None:
        loss = "mse" if is_regression else "cross_entropy"
    if isinstance(loss, str):
        loss_of = loss_function(loss)
        check_loss(loss, split.targets)
    else:
        loss_of = loss
    own_loss = not isinstance(loss, str)  # may be of outputs of any kind
    keeps_outputs = is_regression or metric is not None
    total, answers, targets_told = 0.0, [], []
    pairs: list[Tensor] | None = []  # true class and answer as one number; None: there is none
    with evaluating(model):
        for outputs, targets in _answers(model, split, chunk, check=not own_loss):
            total += loss_of(outputs, targets).item() * len(targets)
            if keeps_outputs:
                answers.append(outputs)
                targets_told.append(targets)
            if is_regression or (own_loss and not _are_logits(outputs, targets)):
                pairs = None
            elif pairs is not None:
                count = outputs.shape[1]
                pairs.append(targets * count + outputs.argmax(dim=1))  # (chunk,)
    found: dict[str, Any] = {"loss": total / len(split)}
    if keeps_outputs:
        outputs, targets = torch.cat(answers), torch.cat(targets_told)
    if is_regression and outputs.numel() == targets.numel():
        found |= _errors(outputs, targets)
    elif pairs is not None:
        confusion = torch.cat(pairs).bincount(minlength=count**2).view(count, count).cpu()
        found["accuracy"] = confusion.diagonal().sum().item() / len(split)
        found["confusion"] = tuple(map(tuple, confusion.tolist()))
    if metric is not None:
        found["metric"] = _number(metric, outputs, targets)
    return Evaluation(**found)


def _are_logits(outputs: Tensor, labels: Tensor) -> bool:
    return outputs.dim() == 2 and len(outputs) == len(labels) and labels.max() < outputs.shape[1]


def _errors(outputs: Tensor, targets: Tensor) -> dict[str, float | None]:
    """Return mean absolute error and R squared, the mean over the targets.

    Args:
        outputs: (N, T), or (N,) where T is 1.
        targets: (N, T).
    """
    targets = targets.cpu().double()
    errors = outputs.cpu().double().reshape(targets.shape) - targets
    spread = (targets - targets.mean(dim=0)).square().sum(dim=0)  # (T,)
    r2 = None
    if bool((spread > 0).all()):
        r2 = (1 - errors.square().sum(dim=0) / spread).mean().item()
    return {"mean_absolute_error": errors.abs().mean().item(), "r2": r2}


def _number(metric: MetricFunction, outputs: Tensor, targets: Tensor) -> float:
    value = metric(outputs, targets)
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"metric must return one number; got {value!r:.80}") from None


@dataclass(frozen=True, slots=True)
class Mistake:
    """An example that a model takes for one of another class."""

    index: int  # in the split
    label: int  # what it is
    answer: int  # what the model takes it for
    probability: float  # that the model gives to its answer, 0 to 1
    loss: float  # cross-entropy: -ln of the probability that it gives to the label


def hardest_mistakes(
    model: nn.Module, split: Split, *, count: int = 20, chunk: int | None = None
) -> tuple[Mistake, ...]:
    """Return the wrong answers with the highest loss, as many as there are; the model stays as is.

    Args:
        split: Of a classification, on the model's device.
        count: How many to return at most.
        chunk: Examples per forward pass; it changes the memory used, not the result.

    Raises:
        ValueError: The split is empty or one of a regression, or a label has no output.
    """
    _check_split(split)
    if split.targets.is_floating_point():
        raise ValueError("the split must be one of a classification; its targets are floats")
    with evaluating(model):
        logits = torch.cat([logits for logits, _ in _answers(model, split, chunk)])  # (N, K)
        losses = F.cross_entropy(logits, split.targets, reduction="none")  # (N,)
        probabilities, answers = logits.softmax(dim=1).max(dim=1)  # (N,), (N,)
    labels = split.targets
    by_loss = losses.argsort(descending=True, stable=True)  # (N,)
    wrong = by_loss[(answers != labels)[by_loss]][:count]  # (count or fewer,)
    return tuple(
        Mistake(i, int(labels[i]), int(answers[i]), float(probabilities[i]), float(losses[i]))
        for i in wrong.tolist()
    )
