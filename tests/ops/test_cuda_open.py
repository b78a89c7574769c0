"""A missing driver, CuPy or card, or one that is too old, is one clear line."""

import builtins
from types import SimpleNamespace

import pytest
import torch

from gpu_ops import open_device
from gpu_ops.device import DeviceUnavailable


@pytest.fixture
def card(monkeypatch):
    """A machine with one card, whose properties the test may change."""
    properties = SimpleNamespace(name="Test Card", major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    return properties


def refusal(name="cuda", precision="auto"):
    with pytest.raises(DeviceUnavailable) as caught:
        open_device(name, precision)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_pytorch_without_cuda_says_where_to_get_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "built without CUDA" in refusal()


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "driver for CUDA 13.0" in refusal()


def test_missing_cupy_names_the_extra(card, monkeypatch):
    real = builtins.__import__

    def without_cupy(name, *rest, **more):
        if name.partition(".")[0] == "cupy":
            raise ImportError("No module named 'cupy'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_cupy)
    assert "pip install 'posestream[cuda]'" in refusal()


def test_an_old_card_is_told_what_is_needed(card):
    card.major, card.minor = 6, 1
    assert refusal() == (
        "Test Card is too old: it has compute capability 6.1, and 7.5 is needed; use --device cpu"
    )


def test_a_card_that_is_not_there_is_counted(card):
    assert "this machine has 1 CUDA device" in refusal("cuda:3")


@pytest.mark.parametrize("name", ["cuda:x", "cuda:-1"])
def test_a_malformed_number_is_refused(card, name):
    refusal(name)


def test_bf16_needs_a_newer_card_than_fp16(card):
    card.major, card.minor = 7, 5
    assert "has no bf16" in refusal(precision="bf16")


def test_an_unknown_precision_is_refused():
    assert "fp16" in refusal(precision="int8")


def test_auto_takes_the_cpu_where_cuda_does_not_work(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert open_device("auto").name == "cpu"
