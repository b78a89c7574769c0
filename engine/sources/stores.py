"""Object stores (s3://, gs://, az://, memory://, file://) through fsspec: requests and errors.

Requests that fail for a passing reason are tried again. Files appear whole or not at all.
"""

from __future__ import annotations

import errno
import random
import secrets
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import OutputError, PoseError, SettingsError, SourceError
from engine.files import PART, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory", "file"})
_ATTEMPTS = 6
_FIRST_PAUSE = 0.1  # s; doubled from one attempt to the next
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}  # what no second attempt cures

_T = TypeVar("_T")


def is_stored(text: str) -> bool:
    """Whether this is the address of a file in a store, not of a stream or a local name."""
    scheme, found, _ = text.partition("://")
    return bool(found) and scheme.lower() in SCHEMES


def open_store(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Raises:
        SettingsError: its client is not installed.
    """
    try:
        import fsspec
    except ImportError as error:
        raise _not_installed(address) from error
    try:
        system, path = fsspec.core.url_to_fs(address, **_options(address))
    except (ImportError, ValueError) as error:
        raise _not_installed(address) from error
    return system, path


def _options(address: str) -> dict[str, Any]:
    """Credentials and endpoints come from where the store's own client looks for them."""
    # Listings are not cached: another machine may have written in the meantime.
    local = address.startswith(("file:", "memory:"))
    return {} if local else {"use_listings_cache": False}


def _not_installed(address: str) -> SettingsError:
    scheme = address.partition("://")[0]
    package = {"gs": "gcsfs", "gcs": "gcsfs", "s3": "s3fs", "s3a": "s3fs"}.get(scheme, "adlfs")
    return SettingsError(
        f"{scheme}:// addresses need {package}: pip install 'posestream[cluster]'"
        + ("" if package == "s3fs" else f" {package}")
    )


def retried(action: Callable[[], _T]) -> _T:
    """Run a request, again after a pause where it failed for a reason that may pass."""
    pause = _FIRST_PAUSE
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return action()
        except OSError as error:
            if attempt == _ATTEMPTS or _is_final(error):
                raise
        time.sleep(pause * random.uniform(0.5, 1.5))  # many workers must not return together
        pause *= 2
    raise AssertionError("the last attempt returns or raises")


def _is_final(error: BaseException) -> bool:
    final = FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError
    stays = isinstance(error, OSError) and error.errno in _LASTING
    return stays or isinstance(error, final) or "credentials" in str(error).lower()


@contextmanager
def reading(address: str, name: str) -> Iterator[None]:
    """Raise what a store answers as one line.

    Raises:
        SourceError: the file or bucket is not there, or may not be read.
    """
    with _as_one_line(address, f"cannot read {name}", SourceError):
        yield


@contextmanager
def writing(address: str) -> Iterator[None]:
    """The same for writing.

    Raises:
        OutputError: it cannot be written.
    """
    with _as_one_line(address, f"cannot write {address}", OutputError):
        yield


@contextmanager
def _as_one_line(address: str, what: str, kind: type[PoseError]) -> Iterator[None]:
    try:
        yield
    except PoseError:
        raise
    except Exception as error:
        if not _is_from_store(error):
            raise
        raise kind(f"{what}: {_reason(address, error)}") from error


def _is_from_store(error: Exception) -> bool:
    """The clients raise errors of the operating system, and some of their own libraries."""
    libraries = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "azure", "google")
    return isinstance(error, OSError) or type(error).__module__.startswith(libraries)


def _reason(address: str, error: Exception) -> str:
    bucket = address.partition("://")[2].partition("/")[0]
    text = str(error) or type(error).__name__
    low = text.lower()
    if "bucket does not exist" in low or "nosuchbucket" in low:
        return f"there is no bucket {bucket}"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if "credentials" in low or "InvalidAccessKeyId" in text or "SignatureDoesNotMatch" in text:
        return "the credentials are missing or wrong; see docs/cluster.md, Addresses"
    if isinstance(error, PermissionError):
        return f"permission denied ({text}); check the credentials and the rights on {bucket}"
    if isinstance(error, OSError) and error.errno in _LASTING:
        return reason_of(error)
    return text.splitlines()[0]


def stored_size(address: str) -> int | None:
    """The length of a stored file in bytes; None where there is none."""
    system, path = open_store(address)
    with reading(address, address):
        try:
            return int(retried(lambda: system.info(path))["size"])
        except FileNotFoundError:
            return None


def read_stored(address: str) -> bytes | None:
    """The content of a stored file; None where there is none."""
    system, path = open_store(address)
    with reading(address, address):
        try:
            return bytes(retried(lambda: system.cat_file(path)))
        except FileNotFoundError:
            return None


def write_stored(address: str, data: bytes) -> None:
    """Replace a stored file; readers find the old one or the new one, never a part.

    Raises:
        OutputError: it cannot be written.
    """
    _place(address, lambda system, path: system.pipe_file(path, data))


def send(local: str, address: str) -> None:
    """Copy a local file to an address, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    _place(address, lambda system, path: system.put_file(local, path))


def _place(address: str, put: Callable[[Any, str], object]) -> None:
    system, path = open_store(address)
    renames = _renames(system)
    with writing(address):
        if renames:
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
        if not renames:  # an object appears when it is complete
            retried(lambda: put(system, path))
            return
        # A name of its own: the same task may run a second time beside itself.
        to = f"{path}.{secrets.token_hex(4)}{PART}"
        try:
            retried(lambda: put(system, to))
            system.mv(to, path)
        except BaseException:
            with suppress(OSError):
                system.rm_file(to)
            raise


def listing(address: str) -> list[str]:
    """The addresses of the files in a folder or of a pattern; empty where there are none."""
    system, path = open_store(address)
    with reading(address, address):
        if any(sign in path for sign in "*?["):
            found = retried(lambda: system.glob(path))
        else:
            try:
                entries = retried(lambda: system.ls(path, detail=True))
            except FileNotFoundError:
                return []
            found = [e["name"] for e in entries if e["type"] == "file"]
    scheme = address.partition("://")[0]
    return [f"{scheme}://{name.lstrip('/')}" if scheme != "file" else f"file://{name}"
            for name in sorted(found)]  # fmt: skip


def remove(address: str) -> None:
    """Remove a stored folder with all it holds; one that is not there is no error."""
    system, path = open_store(address)
    with writing(address):
        try:
            system.rm(path, recursive=True)
        except FileNotFoundError:
            return


def _renames(system: Any) -> bool:
    """Whether files appear while they are written, so that they need another name until whole."""
    return "file" in system.protocol or system.protocol == "file"
