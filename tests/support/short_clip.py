"""The beginning of the demo clip, as a video and as pictures."""

from pathlib import Path

import av

from tests.support.documentation import ROOT


def write_short_clip(path: Path, frames: int, pictures: Path | None = None) -> None:
    """Write so many frames as a video; to `pictures` the first and the eleventh as JPEG."""
    with av.open(str(ROOT / "assets/demo/people.mp4")) as source:
        taken = [frame for frame, _ in zip(source.decode(video=0), range(frames), strict=False)]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = taken[0].width, taken[0].height, "yuv420p"
        for frame in taken:
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    if pictures:
        pictures.mkdir()
        for n in (0, 10):
            taken[n].save(str(pictures / f"{n:06d}.jpg"))
