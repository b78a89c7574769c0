"""A packed data set on disk: shards that are plain zip files, each a whole COCO data set.

A shard holds `annotations.json` and the JPEGs it names, unpacked by any tool into a data set of the
usual kind. A zip file has an index at its end, so one picture is one seek and one read, and a
checksum per member, so a bad copy is noticed. Shards of several packs may lie in one folder.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from engine.errors import DataError, OutputError

ANNOTATIONS = "annotations.json"  # first in every shard
MOST_BYTES = 1 << 26  # of one file in a shard, unpacked; `data pack` writes at most 60 MB in all
# What zipfile raises for methods, versions, names, encryption and numbers it cannot make sense of.
_ODD = (NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError, struct.error)
_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.zip")


def shard_name(pack: str, number: int, total: int) -> str:
    """File name of a shard, counted from 1."""
    return f"{pack}-{number:05d}-of-{total:05d}.zip"


def find_shards(folder: Path) -> list[Path]:
    """All shards in a folder, in order.

    Raises:
        DataError: there is none, or one is missing.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give one that `data pack` wrote")
    packs: dict[tuple[str, int], set[int]] = {}
    for file in folder.iterdir():
        if found := _NAME.fullmatch(file.name):
            packs.setdefault((found[1], int(found[3])), set()).add(int(found[2]))
    if not packs:
        raise DataError(f"{folder} holds no packed data set; make one with `data pack`")
    for (pack, total), numbers in packs.items():
        if missing := sorted(set(range(1, total + 1)) - numbers):
            names = ", ".join(shard_name(pack, number, total) for number in missing[:3])
            more = " …" if len(missing) > 3 else ""
            raise DataError(
                f"{folder}: {len(missing)} of {total} shards are missing: bring {names}{more}"
            )
    return [
        folder / shard_name(pack, number, total)
        for (pack, total), numbers in sorted(packs.items())
        for number in sorted(numbers)
    ]


def members(shard: Path) -> frozenset[str]:
    """The names of the files in a shard.

    Raises:
        DataError: it cannot be read.
    """
    return frozenset(_opened(shard, os.getpid()).namelist())


def read_member(shard: Path, name: str) -> bytes:
    """The bytes of a file in a shard, checked.

    Raises:
        DataError: it is not there, or the shard cannot be read or is damaged.
    """
    try:
        opened = _opened(shard, os.getpid())
        size = opened.getinfo(name).file_size
        if size > MOST_BYTES:
            raise DataError(
                f"{shard}: {name} in it would take {size} bytes; it is no shard of a pack"
            )
        return opened.read(name)
    except KeyError as error:
        raise DataError(f"{shard}: there is no {name} in it; it is no shard of a pack") from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, *_ODD) as error:
        raise _damaged(shard, error) from error


@lru_cache(maxsize=256)
def _opened(shard: Path, process: int) -> zipfile.ZipFile:
    # Each process for itself: forked ones would move each other's place in the file.
    try:
        return zipfile.ZipFile(shard)
    except (zipfile.BadZipFile, OSError, EOFError, *_ODD) as error:
        raise _damaged(shard, error) from error


def _damaged(shard: Path, error: Exception) -> DataError:
    return DataError(f"{shard}: the shard is damaged or cut off ({error}); copy it again")


def write_shard(file: Path, annotations: bytes, images: Sequence[tuple[str, bytes]]) -> None:
    """Write one shard.

    Args:
        file: to be made or replaced.
        annotations: JSON; the only part worth compressing.
        images: name and bytes of each.

    Raises:
        OutputError: the disk does not take it.
    """
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as shard:
            shard.writestr(_entry(ANNOTATIONS), annotations, zipfile.ZIP_DEFLATED)
            for name, coded in images:
                shard.writestr(_entry(name), coded)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror}") from error


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name)  # a fixed date, so that the same data makes the same bytes


def finish_pack(folder: Path, pack: str, parts: Mapping[int, Path]) -> list[Path]:
    """Give finished shards, numbered from 1, their names now that their number is known."""
    done = []
    for number, part in sorted(parts.items()):
        done.append(part.replace(folder / shard_name(pack, number, len(parts))))
    return done
