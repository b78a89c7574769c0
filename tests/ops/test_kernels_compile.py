"""The kernels compile for every supported architecture, without warnings and without spills."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from gpu_ops import build
from tests.support.emulation import EmulatedKernels, need_compiler

BUILDS = [(file, architecture) for file in build.FILES for architecture in build.ARCHITECTURES]


@pytest.fixture(scope="module")
def reports():
    """(file, architecture) -> the compiler's report, to come; all cores compile."""
    if build.nvcc() is None:
        pytest.skip("needs nvcc, the CUDA compiler")
    with ThreadPoolExecutor(os.cpu_count()) as compilers:
        yield {each: compilers.submit(build.check, *each) for each in BUILDS}


@pytest.mark.parametrize(("file", "architecture"), BUILDS)
def test_a_kernel_file_compiles(reports, file, architecture):
    try:
        report = reports[file, architecture].result()
    except subprocess.CalledProcessError as error:
        pytest.fail(error.stderr)
    compiled = re.findall(r"Compiling entry function '(\w+)' for 'sm_(\d+)'", report)
    assert {name for name, _ in compiled} == set(build.kernel_names(build.source(file)))
    assert {int(target) for _, target in compiled} == {architecture}
    spilled = re.findall(r"(\d+) bytes spill", report)
    assert spilled
    assert set(spilled) == {"0"}


def test_every_kernel_file_is_built():
    assert {path.name for path in build.KERNELS.glob("*.cu")} == set(build.FILES)


def test_includes_are_pasted_in():
    text = build.source("peaks.cu")
    assert '#include "' not in text
    assert "struct Heat" in text


@pytest.mark.parametrize("file", build.FILES)
def test_a_kernel_file_compiles_for_the_emulation(file):
    need_compiler()
    text = build.source(file)
    with pytest.raises(AssertionError, match="takes"):  # the library is there and checks arguments
        EmulatedKernels().launch(file, build.kernel_names(text)[0], (1,), (1,), ())
