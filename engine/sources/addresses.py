"""Addresses: what is a URL, what FFmpeg is given to open, and what of either may be shown.

Messages, results, file names and the window show only what `shown` returns. An address can hold a
secret nearly anywhere (user:password@, ?pwd=, passphrase=, a stream key as the last part of an
RTMP path, a token in the middle of a path), so a part of it is shown only if it is known to be
harmless.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

HIDDEN = "***"
STANDARD_INPUT = "-"
_LONGEST = 240  # characters of a name that are shown
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://[^\s'\"<>]+", re.IGNORECASE)
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
# Parameters whose values are shown; every other one could be a password.
_HARMLESS = frozenset(
    {
        *("channel", "subtype", "stream", "profile", "resolution", "width", "height", "size"),
        *("fps", "rate", "quality", "port", "camera", "cam", "mode", "latency", "timeout", "type"),
        *("codec", "format", "transport", "unicast", "proto", "pkt_size", "fifo_size", "overlay"),
    }
)
_VALUE = re.compile(r"([\w.-]*)=([^&;_/]*)")
_RANDOM = re.compile(
    r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9]{12,}|[0-9a-f]{8}(-[0-9a-f]{4,}){4}"
)


def is_url(text: str) -> bool:
    """Whether this names something on a network, not a local file."""
    return _SCHEME.match(text) is not None


def scheme_of(url: str) -> str:
    """The scheme of a URL in lower case, such as "rtsp"; empty for a local name."""
    return url.partition("://")[0].lower() if is_url(url) else ""


def host_of(url: str) -> str | None:
    """The host of a URL; None where it has none, or cannot be understood."""
    try:
        return urlsplit(url).hostname
    except ValueError:  # brackets that do not hold an IPv6 address
        return None


def for_ffmpeg(text: str) -> str:
    """What FFmpeg opens: a local name is marked as a file, or a colon in it means a protocol."""
    return text if is_url(text) else f"file:{text}"


def printable(text: str) -> str:
    """A message as one line that any terminal shows: without credentials and control characters."""
    text = _URL.sub(lambda url: _masked(url[0]), text)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shown(text: str) -> str:
    """A name as it may be shown: without credentials, printable, not too long."""
    text = printable(_masked(text) if is_url(text) else text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
    return text


def distinct(names: Sequence[str]) -> list[str]:
    """The same names, the later of equal ones with a number, so that each source has its own."""
    given: list[str] = []
    for name in names:
        number, free = 1, name
        while free in given:
            number += 1
            free = f"{name} ({number})"
        given.append(free)
    return given


def stem_of(text: str) -> str:
    """A file name, without a suffix, for the results of a URL or a local name."""
    if not is_url(text):
        return Path(shown(text)).stem
    *_, last = shown(text).partition("?")[0].rpartition("/")
    stem = Path(last).stem if HIDDEN not in last else ""
    return re.sub(r"[^\w.-]+", "_", stem or host_of(text) or "stream").strip(".") or "stream"


def _masked(url: str) -> str:
    scheme, _, rest = url.partition("://")
    user, rest = _split_user(rest)
    rest, question, query = rest.partition("#")[0].partition("?")
    authority, slash, path = rest.partition("/")
    parts = [_masked_part(part) for part in path.split("/")]
    if scheme.lower().startswith("rtmp") and len(parts) > 1 and parts[-1]:
        parts[-1] = HIDDEN  # the stream key
    masked = [_masked_parameter(parameter) for parameter in re.split("[&;]", query)]
    return f"{scheme}://{user}{authority}{slash}{'/'.join(parts)}{question}{'&'.join(masked)}"


def _split_user(rest: str) -> tuple[str, str]:
    """`***@` or nothing, and what follows the user name and password."""
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority and _PORT.fullmatch(authority):
        return "", rest
    # A password may hold any sign, so it ends at the last @ it can end at.
    before_query = rest.partition("?")[0]
    end = before_query.rfind("@") if "@" in before_query else rest.rfind("@")
    if end < 0:
        return "", rest
    return (f"{HIDDEN}@" if end else "@"), rest[end + 1 :]  # udp://@239.0.0.1 names no user


def _masked_part(part: str) -> str:
    """One part of a path. Some cameras take their parameters there: user=admin_password=x."""
    if "=" in part:
        return _VALUE.sub(lambda found: _masked_parameter(found[0]), part)
    return HIDDEN if _RANDOM.fullmatch(Path(part).stem) else part


def _masked_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if not equals:
        return parameter if len(parameter) < 8 else HIDDEN
    return f"{name}={value if not value or name.lower() in _HARMLESS else HIDDEN}"
