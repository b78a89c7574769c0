"""Where frames come from: files, folders of images, cameras and streams."""

from __future__ import annotations

from pathlib import Path

from engine.errors import SourceError
from engine.sources.source import Source


def open_source(text: str) -> Source:
    """Open what the user named.

    Args:
        text: "clip.mp4", a folder of images, a pattern of images, "rtsp://…", or "0" for a camera.

    Raises:
        SourceError: it does not exist or cannot be read.
    """
    if text.isdecimal() and not Path(text).exists():
        raise SourceError(f"camera {text}: cameras are read by `live`, not by this command")
    from engine.sources.addresses import STANDARD_INPUT, is_url, shown
    from engine.sources.images import ImageSource, hidden_files, image_files

    if not is_url(text) and text != STANDARD_INPUT:
        try:
            files = image_files(text)
            if files:
                return ImageSource(files, shown(text), hidden=hidden_files(text))
            text = _one_video(text)
        except OSError as error:  # such as a name that is too long
            raise SourceError(f"{shown(text)} cannot be opened: {error.strerror}") from error
    from engine.sources.video import VideoSource

    return VideoSource(text)


def _one_video(text: str) -> str:
    """The single file that a name or pattern stands for."""
    path = Path(text)
    from engine.sources.addresses import shown

    if path.is_dir():
        raise SourceError(f"there are no images in the folder {shown(text)}; name a video in it")
    from engine.sources.images import matching

    matches = [] if path.exists() else matching(text)
    if len(matches) > 1:
        raise SourceError(f"{text} matches {len(matches)} files that are not images; name one")
    return str(matches[0]) if matches else text
