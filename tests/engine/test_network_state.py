"""What a state holds of a network, and which other networks it is refused for."""

import copy

import pytest
import torch
from test_exact import outcome, same
from torch import nn
from zoo import ZOO, Small, convolutional

from tutorial_lib import Hyperparameters, LeNet5, TrainingRun, checkpoint, evaluate
from tutorial_lib.data import Data, Split

SETTINGS = Hyperparameters(epochs=2, batch_size=8, learning_rate=0.02)


@pytest.fixture(scope="module")
def tiny(sample) -> Data:
    train = Split(sample.train.images[:33].clone(), sample.train.labels[:33].clone())
    return Data("tiny", "For tests.", train, train, torch.device("cpu"))


def frozen(net: nn.Module, name: str) -> nn.Module:
    net.get_parameter(name).requires_grad_(False)
    return net


class OtherForward(LeNet5):
    def forward(self, images):
        return super().forward(images).tanh()


class Pickled(Small):
    """Tells of itself what no file of plain numbers can hold."""

    def get_extra_state(self):
        return object()

    def set_extra_state(self, state):
        pass


REFUSED = {
    "fc3.bias is frozen, here it is trained": (lambda: frozen(LeNet5(), "fc3.bias"), LeNet5),
    "fc3.bias is trained, here it is frozen": (LeNet5, lambda: frozen(LeNet5(), "fc3.bias")),
    "its network has LeNet5, here is OtherForward": (LeNet5, OtherForward),
    r"its network has \(1\): Tanh\(\), here is \(1\): ReLU\(\)": (
        lambda: convolutional(nn.Tanh()),
        lambda: convolutional(nn.ReLU()),
    ),
    r"its network has \(1\): Dropout\(p=0.5": (
        lambda: convolutional(nn.Dropout(0.5)),
        lambda: convolutional(nn.Dropout(0.2)),
    ),
    "its model has a buffer mean, the one here has not": (ZOO["unsaved buffer"], Small),
    r"its model has _extra_state, the one here has not": (ZOO["extra state"], Small),
    r"its 1.running_mean is \[4\], here it is \[5\]": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.Flatten()),
        lambda: nn.Sequential(nn.Conv2d(1, 5, 5), nn.BatchNorm2d(5), nn.Flatten()),
    ),
    "its hidden.weight is torch.float64, here torch.float32": (ZOO["float64"], Small),
}


@pytest.mark.parametrize("words", REFUSED)
def test_another_network_is_refused_in_words(tiny, words):
    theirs, ours = REFUSED[words]
    state = TrainingRun(theirs(), tiny, SETTINGS).state_dict()
    run = TrainingRun(ours(), tiny, SETTINGS)
    before = outcome(run)
    with pytest.raises(ValueError, match=words):
        run.load_state_dict(state)
    assert same(outcome(run), before)


def test_what_no_file_can_hold_is_refused_when_it_is_saved(tiny, tmp_path):
    run = TrainingRun(Pickled(), tiny, SETTINGS)
    next(run)
    with pytest.raises(ValueError, match="_extra_state of the network is a object"):
        run.state_dict()
    with pytest.raises(checkpoint.CheckpointError, match="_extra_state of the network"):
        checkpoint.save(run, tmp_path / "a.run")
    assert not list(tmp_path.iterdir())


def test_a_state_that_the_network_itself_refuses_leaves_it_as_it_was(tiny):
    class Choosy(ZOO["extra state"]):
        def set_extra_state(self, state):
            if state["batches"] == 3:
                raise RuntimeError("not three")
            super().set_extra_state(state)

    run, other = (TrainingRun(Choosy(), tiny, SETTINGS) for _ in range(2))
    for _ in range(3):
        next(run)
    next(other)
    before = outcome(other)
    with pytest.raises(ValueError, match="not three"):
        other.load_state_dict(run.state_dict())
    assert same(outcome(other), before)


class LateBuffer(Small):
    """Makes a buffer at its first step, which keeps the graph that it came from."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("first", None, persistent=False)

    def between(self, features):
        if self.first is None:
            self.first = features.mean(0) * 1.0
        return features - self.first.detach()


def test_a_buffer_that_is_not_there_yet_is_not_there_again(tiny):
    run, whole = (
        TrainingRun(LateBuffer(), tiny, SETTINGS),
        TrainingRun(LateBuffer(), tiny, SETTINGS),
    )
    whole.model.load_state_dict(run.model.state_dict())
    start = run.state_dict()
    list(whole), next(run), next(run)
    assert run.state_dict()["unsaved_buffers"]["first"].grad_fn is None
    run.load_state_dict(start)
    assert run.model.first is None
    list(run)
    assert same(outcome(run), outcome(whole))


def test_a_part_set_to_answer_only_stays_so(tiny):
    net = convolutional(nn.BatchNorm2d(4))
    net[1].eval()
    run, untrained = TrainingRun(net, tiny, SETTINGS), net[1].running_mean.clone()
    evaluate(net, tiny.test)
    next(run)
    other = TrainingRun(convolutional(nn.BatchNorm2d(4)), tiny, SETTINGS)
    other.load_state_dict(run.state_dict())
    list(other)
    assert not net[1].training
    assert not other.model[1].training
    assert torch.equal(net[1].running_mean, untrained)
    assert torch.equal(other.model[1].running_mean, untrained)


def test_a_layer_that_no_input_reaches_is_refused(tiny):
    net = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))
    net.spare = nn.LazyLinear(3)
    net.forward = lambda images: net[1](net[0](images))
    with pytest.raises(ValueError, match=r"the model's spare\.weight has no shape"):
        TrainingRun(net, tiny, SETTINGS)


def test_lazy_layers_begin_with_weights_of_the_seed(tiny):
    def weights(seed):
        run = TrainingRun(ZOO["lazy"](), tiny, SETTINGS.replace(seed=seed))
        return nn.utils.parameters_to_vector(run.model.parameters())

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


# ---- an update of the learner's own may gather gradients over several steps ----


def every_third(run, inputs, targets):
    loss = run.loss_function(run.model(inputs), targets)
    loss.backward()
    if run.step_number % 3 == 2:
        run.optimizer.step()
        run.optimizer.zero_grad()
    return loss


@pytest.mark.parametrize("stop", range(9))
def test_gathered_gradients_are_kept(tiny, tmp_path, stop):
    whole, run, fresh = (
        TrainingRun(LeNet5(), tiny, SETTINGS, update=every_third) for _ in range(3)
    )
    list(whole)
    for _ in range(stop):
        next(run)
    checkpoint.restore(fresh, checkpoint.save(run, tmp_path / "a.run"))
    list(fresh)
    list(run)
    assert same(outcome(fresh), outcome(whole))
    assert same(outcome(run), outcome(whole))


def test_gathered_gradients_survive_a_step_that_is_taken_back(tiny):
    def sometimes(run, inputs, targets):
        loss = every_third(run, inputs, targets)
        if fails:
            raise KeyboardInterrupt
        return loss

    whole, run = (TrainingRun(LeNet5(), tiny, SETTINGS, update=u) for u in (every_third, sometimes))
    list(whole)
    for step in range(9):
        fails = True
        if step < 8:
            with pytest.raises(KeyboardInterrupt):
                next(run)
        fails = False
        next(run, None)
    one, other = outcome(run), outcome(whole)
    one["update"] = other["update"]
    assert same(one, other)


# ---- the data ----


def changed(data: Data, part: str) -> Data:
    train = copy.deepcopy(data.train)
    tensor = getattr(train, part)
    tensor[-1] = tensor[-1] + 1 if part == "images" else (tensor[-1] + 1) % 10
    return Data(data.name, data.notice, train, data.test, data.device)


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_run_knows_its_training_set_by_what_it_holds(tiny, tmp_path, part):
    run = TrainingRun(LeNet5(), tiny, SETTINGS)
    next(run)
    file = checkpoint.save(run, tmp_path / "a.run")
    other = TrainingRun(LeNet5(), changed(tiny, part), SETTINGS)
    with pytest.raises(checkpoint.CheckpointError, match="33 images of 'tiny' that it learned"):
        checkpoint.restore(other, file)


@pytest.mark.parametrize("part", ["images", "labels"])
def test_data_changed_on_the_way_is_said_when_the_run_is_saved(tiny, tmp_path, part):
    data = copy.deepcopy(tiny)
    run = TrainingRun(LeNet5(), data, SETTINGS)
    next(run)
    getattr(data.train, part)[0] = getattr(data.train, part)[1]
    with pytest.raises(checkpoint.CheckpointError, match="were changed after the first step"):
        checkpoint.save(run, tmp_path / "a.run")


def test_images_that_are_no_numbers_are_blamed_themselves(tiny):
    data = copy.deepcopy(tiny)
    data.train.images[5, 0, 3, 3] = torch.nan
    run = TrainingRun(LeNet5(), data, SETTINGS)
    with pytest.raises(ArithmeticError, match="its batch holds numbers that are not finite"):
        list(run)


def test_weights_that_are_no_numbers_are_blamed_themselves(tiny):
    run = TrainingRun(LeNet5(), tiny, SETTINGS)
    next(run)
    with torch.no_grad():
        run.model.fc2.bias[3] = torch.inf
    with pytest.raises(ArithmeticError, match=r"fc2\.bias held such numbers before that step"):
        next(run)
