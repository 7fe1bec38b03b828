"""What a panel makes its runs of; what cannot work is refused before there is any."""

import contextlib
import inspect
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.checks import shown
from tutorial_lib.config import Hyperparameters
from tutorial_lib.data import Data
from tutorial_lib.engine import TrainingRun, in_background
from tutorial_lib.engine.fit import (
    MOST_ASKED,
    check_batch_size,
    check_data_kind,
    check_kinds,
    check_model,
)
from tutorial_lib.engine.network_state import make_lazy_layers
from tutorial_lib.engine.thread_count import threads_for
from tutorial_lib.evaluation import evaluating
from tutorial_lib.losses import check_loss
from tutorial_lib.models import copy_of, make_model
from tutorial_lib.random_state import seeded

NewRun = Callable[..., TrainingRun]  # new_run(model, data, settings, and what else was given)
USUAL_BATCH = 32


class RunMaker:
    """Makes the runs of a panel, each with a new network.

    Args:
        data: What they learn from.
        new_model: Makes a network, with a seed if it takes one; None: what suits the data.
        new_run: Called with model, data, hyperparameters and, by their names, those of the
            functions that are not None.
        functions: update, loss and metric of one's own, or None.

    Raises:
        TypeError: One of them is not what it should be.
    """

    def __init__(
        self,
        data: Data,
        new_model: Callable[..., nn.Module] | None,
        new_run: NewRun,
        **functions: Callable[..., Any] | None,
    ) -> None:
        check_data_kind(data)
        for name, maker, like in (
            ("new_model", new_model, "LeNet5"),
            ("new_run", new_run, "TrainingRun"),
        ):
            if isinstance(maker, nn.Module):
                what = f"a network: {name}=lambda: ... makes a new one for each run"
                raise TypeError(f"{name} must be callable, as {like} is; got {what}")
            if maker is not None and not callable(maker):
                raise TypeError(f"{name} must be callable, as {like} is; got {shown(maker)}")
        if isinstance(functions.get("loss"), str):
            cure = f"settings=Hyperparameters(loss={functions['loss']!r}) takes one by its name"
            raise TypeError(f"loss must be a function, loss(outputs, targets); {cure}")
        check_kinds(nn.Identity(), data, **functions)
        self.data, self.new_model = data, new_model or data.default_network
        self._last_model: Callable[[], Any] = lambda: None
        self._is_own_model, self._new_run = new_model is not None, new_run
        self._asked_last = 0  # the batch size that the number of threads was asked for last
        self._functions = {name: function for name, function in functions.items() if function}
        self._check_call()

    def __call__(self, settings: Hyperparameters) -> TrainingRun:
        """Return a run that has not begun; it refuses what does not fit."""
        return self.run_of(self.network(settings), settings)

    def run_of(self, model: nn.Module, settings: Hyperparameters) -> TrainingRun:
        """Return a run of this network."""
        return self._new_run(model, self.data, settings, **self._functions)

    def measure_threads_soon(self, settings: Hyperparameters) -> None:
        """Let it be measured, in the training thread, how many threads suit such a run.

        A network of one's own is measured when it first trains: it is made once for each run.
        """
        if self._is_own_model or self._new_run is not TrainingRun:
            return
        model = self.network(settings).to(self.data.device)
        num_steps = settings.epochs * (len(self.data.train) // settings.batch_size)
        facts = {"batch_size": settings.batch_size, "num_steps": num_steps}
        self._asked_last = size = settings.batch_size

        def measure() -> None:
            if self._asked_last == size:  # else a slider has moved on
                threads_for(model, self.data, **facts)

        in_background(measure)

    def network(self, settings: Hyperparameters) -> nn.Module:
        """Return a new network.

        Raises:
            ValueError: It is that of the run before: it would begin with what that has learned.
        """
        model = make_model(self.new_model, settings.seed)
        if model is self._last_model():
            raise ValueError(
                "new_model must make a new network for each run; it gave the same one again: make "
                "it within, new_model=lambda: MyNet(), or copy it, lambda: copy.deepcopy(model)"
            )
        with contextlib.suppress(TypeError):  # what is no Module may be no weak reference
            self._last_model = weakref.ref(model)
        return model

    @property
    def metric(self) -> Callable[..., Any] | None:
        """The metric of one's own that runs are scored by."""
        return self._given("metric")

    @property
    def update(self) -> Callable[..., Any] | None:
        """The step of one's own that is taken."""
        return self._given("update")

    @property
    def loss(self) -> Callable[..., Any] | None:
        """The loss of one's own that takes the place of the settings'."""
        return self._given("loss")

    def first_settings(self) -> Hyperparameters:
        """Return settings that suit the data, where none are given."""
        few = max(1, len(self.data.train) // 4)  # an epoch has four steps, at least
        batch_size = 2 ** (min(USUAL_BATCH, few).bit_length() - 1)
        return Hyperparameters(epochs=5, batch_size=batch_size, loss=self.data.default_loss)

    def check(self, settings: Hyperparameters) -> None:
        """Refuse settings and a network that do not fit the data, and a loss that fits neither.

        A new network answers a first batch. A step of one's own may do with it what it likes, and
        so may a new_run that is no class of ours: they are asked when they train.

        Raises:
            TypeError, ValueError: It says what does not fit.
        """
        processes = self._given("processes") or 1
        check_batch_size(settings.batch_size, self.data, processes=processes)
        kind = _innermost(self._new_run)
        if not (isinstance(kind, type) and issubclass(kind, TrainingRun)):
            return
        loss = self._given("loss")
        if loss is None:
            check_loss(settings.loss, self.data.train.targets)
        fits = not self._is_own_model and self.data.train.first(1)[0].is_floating_point()
        if self._given("update") is not None or (loss is None and fits):
            return
        model = self.network(settings)
        check_kinds(model, self.data)
        self.network(settings)  # another one
        model = model.to(self.data.device)
        with seeded(settings.seed, self.data.device):
            make_lazy_layers(model, self.data.train.first(2)[0])
        if loss is None:
            check_model(model, self.data, batch_size=settings.batch_size)
        else:
            self._check_own_loss(model, loss, settings.batch_size)

    def _check_own_loss(self, model: nn.Module, loss: Callable[..., Any], batch_size: int) -> None:
        inputs, targets = self.data.train.first(min(batch_size, MOST_ASKED))
        try:
            asked = copy_of(model)
        except Exception:  # one that cannot be copied is not asked before its first step
            return
        with evaluating(asked), seeded(0, self.data.device), torch.enable_grad():
            try:
                value = loss(asked(inputs), targets)
            except Exception as error:  # whatever a learner's network or loss does
                what = f"{type(error).__name__}: {error}"
                raise ValueError(
                    f"model and loss must take inputs {list(inputs.shape)} and targets "
                    f"{list(targets.shape)} of {self.data.name!r}; they do not: {what}"
                ) from error
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise TypeError(f"loss must return a tensor of one number; got {shown(value)}")

    def _check_call(self) -> None:
        """Refuse a new_run that cannot be called with what there is for it."""
        try:
            signature = inspect.signature(self._new_run)
        except (TypeError, ValueError):  # of some, Python does not know what they take
            return
        try:
            signature.bind(None, self.data, None, **self._functions)
        except TypeError as error:
            names = ", ".join(["model", "data", "hyperparameters", *self._functions])
            raise TypeError(f"new_run must take {names}; it does not: {error}") from None

    def _given(self, name: str) -> Any:
        """Return what is given to a run by this name, here or by a partial."""
        given, function = self._functions.get(name), self._new_run
        while given is None and isinstance(function, partial):
            given, function = function.keywords.get(name), function.func
        return given


def _innermost(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function
