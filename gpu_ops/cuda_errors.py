"""Failures of CUDA, cuDNN and CuPy as the contract's errors, with what was being done."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gpu_ops.device import DeviceFailure, OutOfMemory

# CuPy's errors by name: importing their modules needs CuPy, which the emulation does not have.
_CUPY = {"CUDARuntimeError", "CUDADriverError", "NVRTCError", "CompileException"}
_SIGNS = ("CUDA error", "CUDA driver error", "cuDNN", "CUDNN", "CUBLAS")


@contextmanager
def named(doing: str) -> Iterator[None]:
    """Raise device errors of the block as DeviceFailure or OutOfMemory, with `doing` in front."""
    try:
        yield
    except (DeviceFailure, OutOfMemory):
        raise
    except RuntimeError as error:
        if _ran_out(error):
            # The traceback holds every tensor of the calls that failed; the next, smaller batch
            # needs their memory while this error is still being handled.
            traceback.clear_frames(error.__traceback__)
            raise OutOfMemory(f"{doing}: {_first_line(error)}") from error
        if is_device_error(error):
            raise DeviceFailure(
                f"{doing}: {_first_line(error)}; CUDA reports late, so the cause may be an "
                f"earlier step: CUDA_LAUNCH_BLOCKING=1 shows which"
            ) from error
        raise


def is_device_error(error: BaseException) -> bool:
    """Whether CUDA, cuDNN or CuPy reported it; otherwise it is a bug of ours."""
    if isinstance(error, torch.AcceleratorError) or type(error).__name__ in _CUPY:
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def _ran_out(error: BaseException | None) -> bool:
    # A failed graph capture raises about the capture; what broke it is its context.
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
