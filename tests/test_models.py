"""LeNet-5 has the shapes, the counts and the initial weights it says it has."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tutorial_lib import LeNet5
from tutorial_lib.models import MLP, ConvNet, copy_of, default_network, make_model


@pytest.mark.parametrize(("init", "count"), [("torch", 61_706), ("mindspore", 61_684)])
def test_parameter_count(init, count):
    assert sum(p.numel() for p in LeNet5(init=init).parameters()) == count


def test_ten_logits_for_each_image():
    assert LeNet5()(torch.zeros(3, 1, 32, 32)).shape == (3, 10)


def test_torch_init_is_torchs_own():
    torch.manual_seed(7)
    conv1, conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
    fc1 = nn.Linear(400, 120)
    model = LeNet5(seed=7)
    assert torch.equal(model.conv1.weight, conv1.weight)
    assert torch.equal(model.conv2.bias, conv2.bias)
    assert torch.equal(model.fc1.weight, fc1.weight)


def test_the_global_random_state_is_neither_used_nor_changed():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = LeNet5(seed=0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.fc3.weight, LeNet5(seed=0).fc3.weight)


def test_nets_made_in_two_threads_at_once_have_the_weights_of_their_seed():
    expected = LeNet5(seed=0).fc3.weight
    with ThreadPoolExecutor(2) as pool:
        nets = list(pool.map(lambda _: LeNet5(seed=0), range(100)))
    assert all(torch.equal(net.fc3.weight, expected) for net in nets)


def test_mindspore_init_is_small_and_its_loss_is_that_of_knowing_nothing():
    model = LeNet5(init="mindspore", seed=3)
    assert model.conv2.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert model.fc1.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not model.fc1.bias.any()
    logits = model(torch.randn(64, 1, 32, 32))
    assert F.cross_entropy(logits, torch.arange(64) % 10).item() == pytest.approx(2.303, abs=0.01)


def test_relu_after_pooling_equals_relu_before_it_bit_for_bit(sample):
    images, labels = sample.train.images[:64], sample.train.labels[:64]
    gradients = []
    for forward in (LeNet5.forward, relu_first):
        model = LeNet5(seed=0)
        logits = forward(model, images)
        F.cross_entropy(logits, labels).backward()
        gradients.append([logits.detach(), *(p.grad for p in model.parameters())])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*gradients, strict=True))


def test_channels_last_gives_the_same_numbers_but_for_rounding(sample):
    images, labels = sample.train.images[:64], sample.train.labels[:64]
    model, plain = LeNet5(seed=0), LeNet5(seed=0)
    plain.conv1.weight.data = plain.conv1.weight.data.clone(memory_format=torch.contiguous_format)
    assert model.conv1(images).is_contiguous(memory_format=torch.channels_last)
    assert plain.conv1(images).is_contiguous()
    for net in (model, plain):
        F.cross_entropy(net(images), labels).backward()
    torch.testing.assert_close(model(images), plain(images))
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_is_as_fast(copied):
    images = torch.zeros(2, 1, 32, 32)
    assert copied(LeNet5()).conv1(images).is_contiguous(memory_format=torch.channels_last)


def relu_first(model: LeNet5, images: torch.Tensor) -> torch.Tensor:
    x = F.max_pool2d(F.relu(model.conv1(images)), 2)
    x = F.max_pool2d(F.relu(model.conv2(x)), 2).flatten(1)
    return model.fc3(F.relu(model.fc2(F.relu(model.fc1(x)))))


@pytest.mark.parametrize("init", ["he", None, 3])
def test_an_unknown_init_is_refused(init):
    with pytest.raises(ValueError, match=r"init must be one of torch, mindspore"):
        LeNet5(init=init)


@pytest.mark.parametrize("seed", [-1, 0.5, None, True])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises((ValueError, TypeError), match="seed"):
        LeNet5(seed=seed)


def test_a_maker_is_given_the_seed_if_it_takes_one():
    assert make_model(LeNet5, 7).seed == 7
    assert make_model(partial(LeNet5, init="mindspore"), 7).init == "mindspore"
    assert make_model(lambda *, seed: seed, 7) == 7


def test_the_weights_of_a_maker_without_a_seed_depend_on_it_too():
    one, again, other = (make_model(lambda: nn.Linear(3, 2), seed) for seed in (1, 1, 2))
    assert torch.equal(one.weight, again.weight)
    assert not torch.equal(one.weight, other.weight)


def test_a_copy_holds_what_a_step_noted_down():
    model = nn.Linear(3, 2)
    model.noted = model(torch.ones(1, 3))  # hangs on the step that it came from
    copied = copy_of(model)
    assert torch.equal(copied.noted, model.noted)
    assert copied.noted.grad_fn is None
    assert copied.weight is not model.weight
    assert torch.equal(copied.weight, model.weight)


@pytest.mark.parametrize(
    ("shape", "num_outputs", "kind"),
    [
        ((1, 32, 32), 10, LeNet5),
        ((1, 32, 32), 7, ConvNet),
        ((3, 20, 30), 2, ConvNet),
        ((3, 2, 2), 5, ConvNet),
        ((13,), 3, MLP),
        ((4, 6), 1, MLP),
        ((5, 1, 1), 2, MLP),
    ],
)
def test_every_shape_has_a_network(shape, num_outputs, kind):
    model = default_network(shape, num_outputs)()
    assert type(model) is kind
    assert model(torch.zeros(2, *shape)).shape == (2, num_outputs)
