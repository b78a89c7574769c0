"""The rules of ARCHITECTURE.md that a program can check."""

import ast
from pathlib import Path
from statistics import median

import grimp
import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    p
    for room in ("posestream", "app", "engine", "gpu_ops", "assets")
    for p in (ROOT / room).rglob("*.py")
)
TREES = {str(p.relative_to(ROOT)): ast.parse(p.read_text()) for p in FILES}

# What may be imported, and where.
ONLY_IN = {
    "PyQt6": ("app/gui/",),
    "cupy": ("gpu_ops/",),
    "av": ("engine/sources/", "engine/synthesis/demo_clip.py", "app/overlay/", "app/doctor.py"),
    "pycocotools": ("engine/coco/metrics.py",),
    "cv2": (
        *("engine/sources/", "engine/geometry.py", "engine/tracking/camera_motion.py"),
        *("engine/training/", "engine/synthesis/", "gpu_ops/", "app/overlay/", "app/bench/"),
        *("app/live/picture.py", "app/evaluation/report/", "app/doctor.py"),
    ),
}


def functions():
    """Every function with the length of its body: a command's options are a list, not logic."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.lineno} {node.name}", node.end_lineno - node.body[0].lineno + 1


def test_no_file_is_longer_than_300_lines():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in FILES}
    assert {name: n for name, n in lengths.items() if n > 300} == {}


def test_functions_are_short():
    lengths = dict(functions())
    assert {name: n for name, n in lengths.items() if n > 60} == {}
    assert median(lengths.values()) <= 10


def test_every_module_says_what_it_is_for():
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_only_where_it_belongs(library):
    found = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if library in {module.partition(".")[0] for module in imported(node)}
    }
    assert [name for name in sorted(found) if not name.startswith(ONLY_IN[library])] == []


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_cuda_is_a_word_of_gpu_ops():
    allowed = ("gpu_ops/", "engine/training/loop.py")
    named = [p for p in FILES if "torch.cuda" in p.read_text()]
    names = [str(p.relative_to(ROOT)) for p in named]
    assert [name for name in names if not name.startswith(allowed)] == []


def test_no_except_is_bare():
    bare = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


@pytest.mark.parametrize(("room", "most"), [("app", 8), ("engine", 12)])
def test_a_listing_of_a_room_stays_short(room, most):
    files = [p.name for p in (ROOT / room).glob("*.py") if p.name != "__init__.py"]
    assert len(files) <= most, files


def test_no_test_file_is_imported_from_another():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {module}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for module in imported(node)
        if module.rpartition(".")[2].startswith(("test_", "conftest"))
    ]
    assert found == []


def test_no_circle_of_files_that_import_each_other():
    graph = grimp.build_graph("app", "engine", "gpu_ops", exclude_type_checking_imports=True)
    left = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    # Take away what imports nothing that is left, until only circles and their importers are.
    while done := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in done}
    while ends := set(left) - set().union(*left.values()):  # importers that nothing imports
        left = {name: needs for name, needs in left.items() if name not in ends}
    assert sorted(left) == []
