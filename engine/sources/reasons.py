"""Why a camera or stream cannot be read, in words a person can act on."""

from __future__ import annotations

import errno
import socket

import av.error

from engine.sources.addresses import host_of, is_url, shown

_HTTP = {
    av.error.HTTPBadRequestError: "the server rejects the request (HTTP 400)",
    av.error.HTTPUnauthorizedError: "user name and password are missing or wrong (HTTP 401)",
    av.error.HTTPForbiddenError: "access denied (HTTP 403)",
    av.error.HTTPNotFoundError: "not found on the server (HTTP 404)",
    av.error.HTTPServerError: "server error (HTTP 5xx)",
    av.error.HTTPOtherClientError: "the server refuses the request (HTTP 4xx)",
}
_NETWORK = {
    errno.ECONNREFUSED: "nothing listens there (connection refused); is the server running?",
    errno.EHOSTUNREACH: "host unreachable; is it on this network?",
    errno.ENETUNREACH: "network unreachable; is the cable in?",
    errno.ECONNRESET: "connection closed by the other side",
    errno.EPIPE: "connection closed by the other side",
    errno.EADDRINUSE: "this port is in use by another program",
    errno.EACCES: "permission denied",
}


def reason(address: str, error: Exception, seconds: float) -> str:
    """The rest of a sentence that begins with the source's name.

    Args:
        address: what was opened.
        error: what PyAV raised.
        seconds: the time limit, for an error that is a timeout.
    """
    for kind, text in _HTTP.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, av.error.ExitError | TimeoutError):
        return f"it has sent nothing for {seconds:g} s; is the address right?"
    if isinstance(error, av.error.InvalidDataError):
        return "what it sends is not a video"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return "this kind of address is not known; use rtsp, http, https, udp, tcp, srt or rtmp"
    number = getattr(error, "errno", None)
    if number in _NETWORK:
        return _NETWORK[number]
    if number == errno.EIO and is_url(address) and not _host_is_known(address):
        return f"the host {host_of(address)} is not known; is the address right?"
    return shown(str(getattr(error, "strerror", None) or error))


def _host_is_known(address: str) -> bool:
    host = host_of(address)
    if not host:
        return True
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
