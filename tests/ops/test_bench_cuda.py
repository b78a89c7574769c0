"""The CUDA benchmark runs to its table, on the emulated device and in miniature."""

import json

import pytest

from app.bench.cuda import as_markdown, measure_cuda
from app.bench.cuda_cases import COLUMNS, CudaCases
from engine.errors import DeviceError
from engine.settings import load_settings
from tests.support.emulated_device import emulated
from tests.support.emulation import need_compiler

MINIATURE = CudaCases(
    networks=("compact",),
    size=64,
    batches=(2,),
    people=(0, 2),
    repeats=1,
    warm_ups=1,
    baseline="compact",
    copy=1 << 16,
    matrix=64,
)


@pytest.mark.slow
def test_the_table_has_every_case_and_every_stage(capsys):
    need_compiler()
    report = measure_cuda(load_settings(), MINIATURE, emulated())
    assert [(r["network"], r["batch"], r["people"]) for r in report["rows"]] == [
        ("compact", 2, people) for people in (0, 2)
    ]
    for row in report["rows"]:
        assert set(row["stages"]) == set(COLUMNS)
        idle = {"refine"} if row["people"] == 0 else set()
        assert {stage for stage, ms in row["stages"].items() if ms == 0} <= idle
        assert 0 < row["p50"] <= row["p95"] <= row["p99"]
        assert row["frames_per_second"] > 0
        assert row["floor"] > 0
    assert len(report["baseline_ms_per_frame"]) == 2
    assert json.loads(json.dumps(report))["device"] == "emulated CUDA"
    assert as_markdown(report).count("| compact |") == 2
    assert "emulated CUDA" in capsys.readouterr().out


def test_without_a_gpu_it_fails_with_one_clear_line(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    settings = load_settings(None, ("engine.device=cuda",))
    with pytest.raises(DeviceError, match=r"^bench --device cuda: ") as caught:
        measure_cuda(settings)
    assert "\n" not in str(caught.value)
