"""What Ray prints and raises, and what the user sees of it."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra `cluster`")

import ray

from app.cluster import connection
from app.cluster.connection import RayExecutor, Resources, Slots, connected
from app.cluster.tasks import VERSION, guarded
from app.cluster.work import Failure
from engine.errors import SettingsError
from engine.settings import ClusterSettings

ROOT = Path(__file__).parents[2]


def test_ray_that_does_not_start_is_one_line(monkeypatch):
    def init(**arguments):
        raise Exception("The current node timed out during startup.\nMore.")  # as Ray does

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with (
        pytest.raises(
            SettingsError, match=r"cannot start Ray on this machine: .* startup\. Run it"
        ),
        connected("local"),
    ):
        pass


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Ray cluster"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "is no Ray cluster"),
        (b"", r"nothing answers at .* \(timed out\)"),
    ],
)
def test_another_program_at_the_address_is_one_line(monkeypatch, answer, message):
    monkeypatch.setattr(connection, "_PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            peer, _ = server.accept()
            with peer:
                peer.sendall(answer)
                done.wait(20)

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                pytest.raises(SettingsError, match=message),
                connected(f"127.0.0.1:{server.getsockname()[1]}"),
            ):
                pass
        finally:
            done.set()
            thread.join()


def test_a_token_that_is_refused_is_one_line(monkeypatch, capfd):
    def init(**arguments):
        for _ in range(20):  # as Ray's C++ does
            os.write(2, b"W gcs_client.cc:210: Unauthenticated: RPC error: InvalidAuthToken: \n")
        raise ConnectionError("Failed to connect to Ray cluster at auto")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(SettingsError, match="refuses this machine's token"), connected("auto"):
        pass
    assert capfd.readouterr().err == ""
    os.write(2, b"back")
    assert capfd.readouterr().err == "back"


def test_another_version_of_ray_is_one_line_with_both(monkeypatch):
    def init(**arguments):
        raise RuntimeError(
            "Version mismatch: The cluster was started with:\n    Ray: 2.50.0\n    Python: 3.12.1\n"
            "This process on 10.0.0.1 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
        )

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(SettingsError) as caught, connected("auto"):
        pass
    text = str(caught.value)
    assert "Ray: 2.50.0 Python: 3.12.1" in text
    assert "Ray: 2.60.0 Python: 3.11.7" in text
    assert text.endswith("Install the same Ray and Python on all machines")
    assert "\n" not in text


def test_a_machine_without_this_program_is_one_line(monkeypatch):
    def get(handle):
        raise ray.exceptions.RayTaskError(
            "guarded",
            "\x1b[36mray::guarded()\x1b[39m (pid=1)\nRuntimeError: The remote function "
            "failed to import on the worker.\n\nModuleNotFoundError: No module named 'app'",
            RuntimeError("failed to import"),
        )

    executor = RayExecutor(ClusterSettings(), on_gpu=False)
    monkeypatch.setattr(ray, "get", get)
    answer = executor.answer("handle")
    assert isinstance(answer, Failure)
    assert answer.text.startswith("a machine of the cluster cannot import this program: install")
    assert "\x1b" not in answer.text


def test_a_machine_with_another_version_of_this_program_is_one_line():
    answer = guarded("0.0.1", b"what another version may have pickled")
    assert isinstance(answer, Failure)
    assert answer.text.startswith(
        f"a machine of the cluster runs posestream {VERSION}, this command is 0.0.1"
    )


def test_machines_that_come_and_go_change_how_much_is_in_flight():
    now, there = [0.0], [Resources(4, 0)]
    slots = Slots(
        ClusterSettings(cpus=2), on_gpu=False, look=lambda: there[0], clock=lambda: now[0]
    )
    assert slots() == 2
    there[0] = Resources(32, 0)
    assert slots() == 2
    now[0] = 10.0
    assert slots() == 16


def test_what_is_asked_for_does_not_depend_on_what_is_there():
    settings = ClusterSettings(slots=16)
    assert Slots(settings, on_gpu=True, look=lambda: Resources(4, 0))() == 16


@pytest.mark.slow
def test_a_worker_that_dies_leaves_standard_output_to_us(tmp_path):
    script = ROOT / "tests" / "support" / "ray_dying.py"
    command = [sys.executable, str(script), str(tmp_path / "died")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (tmp_path / "died").exists(), ended.stderr
    assert ended.stdout == "done\n"
