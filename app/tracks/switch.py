"""Several files replaced as one: all of them or none, whenever the program is killed.

The new files are prepared in `.posestream/NAME.switch/`. Then `.posestream/NAME.switch.json`
appears, in one step, and says what goes where: from then on the switch has happened. The moves
that follow can be repeated, so a command that finds the file finishes them first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from engine.errors import DataError
from engine.files import HIDDEN, cannot_write, read_state, sync_files, sync_folder, write_state

_VERSION = 1


class Switch:
    """New files for a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        """Finish an earlier switch, and begin with an empty one.

        Raises:
            OutputError: the folder cannot be written to.
        """
        finish_switch(folder, name)
        self.staging = _staging(folder, name)  # new files lie here as they will in the folder
        self._folder, self._name = folder, name
        self._removed: list[str] = []
        try:
            shutil.rmtree(self.staging, ignore_errors=True)
            self.staging.mkdir(parents=True)
        except OSError as error:
            raise cannot_write(self.staging, error) from error

    def put(self, target: Path, data: bytes) -> None:
        """Prepare the content of a file in the folder.

        Raises:
            OutputError: it cannot be written.
        """
        staged = self.staging / target.relative_to(self._folder)
        try:
            staged.parent.mkdir(parents=True, exist_ok=True)
            staged.write_bytes(data)
        except OSError as error:
            raise cannot_write(staged, error) from error

    def remove(self, targets: Iterable[Path]) -> None:
        """Files of the folder that go away."""
        self._removed += [target.relative_to(self._folder).as_posix() for target in targets]

    def commit(self) -> None:
        """Make it happen.

        Raises:
            OutputError: a file cannot be written; nothing has happened then, or the next command
                finishes it.
        """
        staged = [file for file in self.staging.rglob("*") if file.is_file()]
        sync_files(staged)
        moved = [file.relative_to(self.staging).as_posix() for file in staged]
        gone = sorted(set(self._removed) - set(moved))
        write_state(_file(self._folder, self._name), _VERSION, {"moved": moved, "gone": gone})
        finish_switch(self._folder, self._name)


def finish_switch(folder: Path, name: str, *, force: bool = False) -> None:
    """Make the moves of a switch that was decided on before the program was killed.

    Args:
        force: drop a switch whose description is damaged.

    Raises:
        DataError: its description is damaged. OutputError: a file cannot be moved.
    """
    file = _file(folder, name)
    try:
        decided = read_state(file, _VERSION)
    except DataError:
        if not force:
            raise
        file.unlink()
        return
    if decided is None:
        return
    staging = _staging(folder, name)
    try:
        for path in decided["gone"]:
            (folder / path).unlink(missing_ok=True)
        for path in decided["moved"]:
            if (staging / path).exists():  # else it was moved before
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (staging / path).replace(folder / path)
        for parent in {(folder / path).parent for path in decided["moved"]}:
            sync_folder(parent)
        file.unlink()
        shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _file(folder: Path, name: str) -> Path:
    return folder / HIDDEN / f"{name}.switch.json"


def _staging(folder: Path, name: str) -> Path:
    return folder / HIDDEN / f"{name}.switch"
