"""Ray: joining a cluster, or starting one on this machine, and running calls on it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from app.cluster.tasks import VERSION, guarded
from app.cluster.work import Call, Failure, packed
from engine.errors import SettingsError
from engine.settings import ClusterSettings

LOCAL = "local"
# Ray prints pages about a task that it runs again, on standard output, which may be JSON.
_ENVIRONMENT = {"RAY_DEDUP_LOGS_SKIP_REGEX": "^", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_PATIENCE = 5.0  # s for the head to answer
# Ray speaks HTTP/2 (RFC 9113): both sides begin with a frame of settings, ours after a preface.
_FRAME, _SETTINGS = 9, b"\4"  # bytes of a frame's head; its type
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + _SETTINGS + b"\0" * 5
_LOOK_EVERY = 10.0  # s between two looks at what machines there are
_STORE = 256 << 20  # bytes of a local run's object store: answers are small


@dataclass(frozen=True, slots=True)
class Resources:
    """What the cluster has for tasks."""

    cpus: float
    gpus: float

    def slots(self, settings: ClusterSettings, *, on_gpu: bool) -> int:
        """How many tasks that run the network can run at once."""
        by_cpu = int(self.cpus / settings.cpus)
        return max(1, min(by_cpu, int(self.gpus / settings.gpus)) if on_gpu else by_cpu)


class Slots:
    """How many tasks that run the network are to run at once: machines come and go."""

    def __init__(
        self,
        settings: ClusterSettings,
        *,
        on_gpu: bool,
        look: Callable[[], Resources],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `look` says what the cluster has now."""
        self._settings, self._on_gpu, self._look, self._clock = settings, on_gpu, look, clock
        self._known, self._seen_at = 0, float("-inf")

    def __call__(self) -> int:
        """What the settings ask for, or what there was at most 10 s ago."""
        if self._settings.slots:
            return self._settings.slots
        if self._clock() - self._seen_at >= _LOOK_EVERY:
            self._known = self._look().slots(self._settings, on_gpu=self._on_gpu)
            self._seen_at = self._clock()
        return self._known


@contextmanager
def connected(address: str) -> Iterator[Resources]:
    """Join the cluster at an address, or with "local" start one that ends with the block.

    Raises:
        SettingsError: Ray is not installed, or there is no cluster at the address.
    """
    for name, value in _ENVIRONMENT.items():  # some are read when Ray is imported
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise SettingsError("--cluster needs Ray: pip install 'posestream[cluster]'") from error
    _need_answer(address)
    started = not ray.is_initialized()
    if started:
        _join(ray, address)
    try:
        yield resources_now()
    finally:
        if started:
            ray.shutdown()


def resources_now() -> Resources:
    """What the cluster that was joined has at the moment."""
    import ray

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return Resources(found.get("CPU", 0.0), found.get("GPU", 0.0))


def _need_answer(address: str) -> None:
    """Ray tries for minutes where nothing answers, or something else than a cluster."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "://" in address:
        return
    place = (host.strip("[]"), int(port))
    try:
        with socket.create_connection(place, timeout=_PATIENCE) as head:
            head.sendall(_HELLO)
            answer = head.recv(_FRAME)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"nothing answers at {address} ({getattr(error, 'strerror', None) or error}): check "
            "the address of the cluster's head, or use --cluster local"
        ) from error
    if answer[3:4] != _SETTINGS and "RAY_USE_TLS" not in os.environ:
        raise SettingsError(
            f"what answers at {address} is no Ray cluster: check the address of the cluster's "
            "head, or use --cluster local"
        )


def _join(ray: Any, address: str) -> None:
    common = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address == LOCAL:
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                object_store_memory=_STORE,
                _node_ip_address="127.0.0.1",
                **common,
            )
        except Exception as error:  # Ray has no type for what fails while it starts
            raise SettingsError(
                f"cannot start Ray on this machine: {_first_line(error)} Run it again when the "
                "machine is less busy, or use --workers"
            ) from error
        return
    with _standard_error() as said:
        try:
            ray.init(address=address, **common)
        except Exception as error:  # likewise
            said.seek(0)
            raise SettingsError(_unjoined(address, error, said.read())) from error


def _unjoined(address: str, error: Exception, said: bytes) -> str:
    """Why a cluster cannot be joined, and what to do; `said` is what Ray wrote meanwhile."""
    text = str(error)
    if "version mismatch" in text.lower():
        return (
            f"the Ray cluster at {address} has other versions: {' '.join(text.split())} "
            "Install the same Ray and Python on all machines"
        )
    if b"InvalidAuthToken" in said:
        return (
            f"the Ray cluster at {address} refuses this machine's token: set RAY_AUTH_MODE=token, "
            "and copy ~/.ray/auth_token of the cluster's head here or set RAY_AUTH_TOKEN as there"
        )
    return (
        f"cannot join the Ray cluster at {address}: {_first_line(error)}; check the address with "
        "`ray status`, or use --cluster local"
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextmanager
def _standard_error() -> Iterator[BinaryIO]:
    """Take what is written to standard error: Ray's C++ says there why, and twenty times."""
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield file
            finally:
                os.dup2(before, 2)
    finally:
        os.close(before)


def _of_a_task(text: str) -> str:
    """What Ray says where a task did not get as far as our own code, as one line."""
    if "No module named" in text:
        return (
            "a machine of the cluster cannot import this program: install posestream "
            f"{VERSION} with its extra `cluster` on every machine (docs/cluster.md)"
        )
    last = text.strip().splitlines()[-1:]
    return f"the task was lost ({''.join(last)})"


class RayExecutor:
    """Runs calls as Ray tasks: any node may take them, and another one if that node dies."""

    def __init__(self, settings: ClusterSettings, *, on_gpu: bool) -> None:
        import ray

        self._ray = ray
        self._light = ray.remote(guarded).options(
            num_cpus=settings.cpus, max_retries=settings.retries, scheduling_strategy="SPREAD"
        )
        self._heavy = self._light
        if on_gpu:
            self._heavy = ray.remote(guarded).options(
                num_cpus=settings.cpus,
                num_gpus=settings.gpus,
                max_retries=settings.retries,
                scheduling_strategy="SPREAD",
            )

    def start(self, call: Call) -> Any:
        """Submit a task."""
        task = self._heavy if call.engine else self._light
        # Ray's own pickling walks through every object in Python, for each task anew.
        return task.remote(VERSION, packed(call))

    def wait(self, running: Sequence[Any], seconds: float) -> Sequence[Any]:
        """One task that has ended, if any: others that have are found by the next call."""
        ready, _ = self._ray.wait(list(running), num_returns=1, timeout=seconds, fetch_local=False)
        return list(ready)

    def answer(self, ended: Any) -> Any:
        """What the task returned; a `Failure` where its machines died too often."""
        try:
            return self._ray.get(ended)
        except self._ray.exceptions.RayTaskError as error:
            return Failure(_of_a_task(str(error)))
        except self._ray.exceptions.RayError as error:
            name = type(error).__name__
            first = str(error).strip().splitlines()
            return Failure(f"the task was lost ({name}: {first[0] if first else ''})")

    def cancel(self, running: Sequence[Any]) -> None:
        """End tasks at once; what they stored is whole or not there."""
        for task in running:
            self._ray.cancel(task, force=True)
