"""Download one file over HTTP; a file under its name is always complete and checked.

Bytes are written to `NAME.part` beside the target. An interruption (of the connection, the program
or the power) leaves that file, and the next attempt requests only the rest.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.errors import DownloadError

Progress = Callable[[int, int | None], None]  # bytes here, bytes in all if the server says so

_CHUNK = 1 << 18
_WORTH_ANOTHER_TRY = (408, 429, 500, 502, 503, 504)


class _BrokenError(Exception):
    """The transfer ended early; another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class _Expected:
    url: str
    size: int | None
    sha256: str | None
    timeout: float

    def fault(self, file: Path) -> str | None:
        """What is wrong with a complete file, or None."""
        if self.size is not None and file.stat().st_size != self.size:
            return f"{file.stat().st_size} bytes arrived, but the file has {self.size}"
        if self.sha256 is None:
            return None
        found = files.sha256(file)
        if found.startswith(self.sha256):
            return None
        return f"its sha256 begins {found[: len(self.sha256)]} instead of {self.sha256}"


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
    attempts: int = 4,
    pause: float = 1.0,
) -> Path:
    """Fetch `url` to `target`, unless a file that passes the checks is already there.

    Args:
        url: http or https.
        target: the file to make; its folder is created.
        sha256: the file's SHA-256, or its first digits.
        size: bytes, where known beforehand.
        progress: called with the bytes here and the bytes in all as they arrive.
        timeout: s without a byte from the server before the attempt ends.
        attempts: attempts in a row without a new byte before giving up.
        pause: s to wait between attempts.

    Raises:
        DownloadError: it cannot be fetched or written, or is not the file expected. Bytes that
            arrived are kept for the next call, except after a failed check.
    """
    expected = _Expected(url, size, sha256.lower() if sha256 else None, timeout)
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"can only fetch http and https, not {url!r}")
    if target.is_file() and expected.fault(target) is None:
        return target
    part = _Part(target)
    left = attempts
    while True:
        before = part.length()
        try:
            _receive(expected, part, progress or (lambda _here, _all: None))
            _check(expected, part, resumed=before > 0)
            return part.become_target()
        except _BrokenError as broken:
            left = attempts if part.length() > before else left - 1
            if left <= 0:
                raise DownloadError(f"cannot fetch {url}: {broken}") from broken
            time.sleep(pause)


class _Part:
    """What has arrived so far, and which version of the file on the server it belongs to."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.file = target.with_name(target.name + ".part")
        self._version_file = target.with_name(target.name + ".part-version")
        self._make(target.parent)

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def length(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def version(self) -> str:
        return self._version_file.read_text("ascii") if self._version_file.exists() else ""

    def begin(self, version: str) -> None:
        self.drop()
        try:
            if version:
                self._version_file.write_text(version, "ascii")
            self.file.touch()
        except OSError as error:
            raise self._unwritable(error) from error

    def append(self, chunk: bytes) -> None:
        try:  # opened each time, so that received bytes survive the program
            with self.file.open("ab") as file:
                file.write(chunk)
        except OSError as error:
            raise self._unwritable(error) from error

    def drop(self) -> None:
        self.file.unlink(missing_ok=True)
        self._version_file.unlink(missing_ok=True)

    def become_target(self) -> Path:
        try:
            self.file.replace(self.target)
        except OSError as error:
            raise self._unwritable(error) from error
        self._version_file.unlink(missing_ok=True)
        return self.target

    def _unwritable(self, error: OSError) -> DownloadError:
        return DownloadError(f"cannot write {self.target}: {error.strerror or error}")


def _check(expected: _Expected, part: _Part, *, resumed: bool) -> None:
    fault = expected.fault(part.file)
    if fault is None:
        return
    part.drop()
    if resumed:  # the older bytes may be wrong: once more from the start
        raise _BrokenError(fault)
    raise DownloadError(f"{expected.url} is not the file expected: {fault}")


def _usable(expected: _Expected, part: _Part) -> int:
    """Bytes of an earlier attempt that can be trusted: of a known version, or checked later."""
    here = part.length()
    too_long = expected.size is not None and here > expected.size
    return 0 if too_long or not (part.version() or expected.sha256) else here


def _receive(expected: _Expected, part: _Part, progress: Progress) -> None:
    here = _usable(expected, part)
    if here and here == expected.size:
        return
    try:
        with _request(expected, part, here) as response:
            start = _start(response, part, here)
            total = _total(response, start)
            _refuse(expected, part, start, total)
            if start == 0:
                part.begin(_version(response))
            progress(start, total)
            _copy(response, part, start, total, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416 and here:
            if error.headers.get("Content-Range", "").endswith(f"/{here}"):
                return  # complete already, only the last step was missing
            part.drop()
            raise _BrokenError("the server has no more of a file that had been begun") from error
        text = f"the server answers {error.code} {error.reason}"
        if error.code in _WORTH_ANOTHER_TRY:
            raise _BrokenError(text) from error
        raise DownloadError(f"cannot fetch {expected.url}: {text}") from error
    except TimeoutError as error:
        raise _BrokenError(f"nothing arrived for {expected.timeout:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_reason(error)) from error


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return "nothing arrived in time"
    if isinstance(inner, socket.gaierror):
        return "no network, or no such server"
    return (isinstance(inner, OSError) and inner.strerror) or str(inner)


def _request(expected: _Expected, part: _Part, here: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "posestream", "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
        if version := part.version():  # the rest of another version would be useless
            headers["If-Range"] = version
    request = urllib.request.Request(expected.url, headers=headers)
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=expected.timeout)
    return response


def _version(response: http.client.HTTPResponse) -> str:
    tag = response.headers.get("ETag", "")
    # A weak tag promises the same meaning, not the same bytes.
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _start(response: http.client.HTTPResponse, part: _Part, here: int) -> int:
    if response.status != 206:
        return 0  # a server that ignores ranges, or has a new version, sends everything
    if response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
        return here
    part.drop()
    raise _BrokenError(f"the server sent another part than asked for (from byte {here} on)")


def _total(response: http.client.HTTPResponse, start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _refuse(expected: _Expected, part: _Part, start: int, total: int | None) -> None:
    if total is None:
        return
    if expected.size is not None and total != expected.size:
        part.drop()
        raise DownloadError(f"{expected.url} has {total} bytes, not {expected.size} as expected")
    free = shutil.disk_usage(part.file.parent).free
    if free < total - start:
        raise DownloadError(
            f"{part.file.parent} has {free / 1e6:.0f} MB left, {expected.url} needs "
            f"{(total - start) / 1e6:.0f} MB more"
        )


def _copy(
    response: http.client.HTTPResponse,
    part: _Part,
    start: int,
    total: int | None,
    progress: Progress,
) -> None:
    here = start
    # read1 returns what has arrived, so an interruption loses nothing.
    while here != total and (chunk := response.read1(_CHUNK)):
        part.append(chunk)
        here += len(chunk)
        progress(here, total)
    if total is not None and here < total:
        raise _BrokenError(f"the connection ended after {here} of {total} bytes")
