"""When each frame is to be shown: the time stamps of a file, or of a live sender, made usable.

All clocks give times that strictly increase. Where the stamps increase, the times are the stamps.
"""

from __future__ import annotations

import time
from collections import deque
from fractions import Fraction

import av

_FAR = 2**31  # ticks; a longer gap is a clock that was set, and no container can hold it
_WORTH_NOTING = 1.0  # s; a clock that is set by less is not reported
_SETTLED = 3  # frames in a row that make a clock that was set the right one
_JUMP = 1.0  # s; a live time stamp this far from the local clock is a new start of the sender's


class FileClock:
    """Times of a file's frames, in ticks of the container and in seconds.

    A frame whose stamp does not advance comes between its neighbours: half of what is left of one
    frame duration after the last good stamp, so that the next good stamp still lies ahead and is
    used as it is. A stamp that goes back, or ahead by more than a container can hold, is a clock
    that was set: times continue from there, and return to the old clock if the stamps do.
    """

    def __init__(
        self, stream: av.VideoStream, rate: float | None, *, counts_decoding: bool
    ) -> None:
        """Start before the first frame.

        Args:
            stream: gives the unit of the stamps.
            rate: frames per second, for frames without a stamp.
            counts_decoding: the container stores decoding times only (AVI): the n-th frame shown
                takes the n-th of them.
        """
        self.stamp = -1  # of the frame before, ticks as in the container
        self._tick = stream.time_base or Fraction(1, 1000)
        self._step = max(1, round(1 / (Fraction(rate or 25).limit_denominator() * self._tick)))
        self._decoding: deque[int | None] | None = deque() if counts_decoding else None
        self._good: int | None = None  # the last time that was a stamp, ticks
        self._last = 0  # the last time, ticks
        self._offset = 0  # ticks from stamps to times
        self._settled = 0  # the same, of a clock that several frames in a row agreed with
        self._agreeing = 0  # frames in a row that agreed with a clock that was set
        self._notes: list[str] = []
        self._noted = False  # whether the last note is about a clock not yet settled

    @property
    def notes(self) -> list[str]:
        """Sentences about a clock that was set by a second or more."""
        return self._notes

    @property
    def knows_stamps(self) -> bool:
        """Whether the container says when each frame is shown."""
        return self._decoding is None

    def saw(self, packet: av.Packet[av.VideoStream]) -> None:
        """Note a packet on its way to the decoder."""
        if self._decoding is not None and packet.size:
            self._decoding.append(packet.dts)

    def seconds(self, frame: av.VideoFrame) -> float:
        """The time of the next frame in order of showing, seconds."""
        stamp = frame.pts
        if self._decoding is not None:
            stamp = self._decoding.popleft() if self._decoding else None
        self._last = self._next(stamp, frame.duration or self._step)
        if stamp is not None:
            self.stamp = stamp
        return float(self._last * self._tick)

    def _next(self, stamp: int | None, duration: int) -> int:
        if self._good is None:
            self._good = stamp or 0
        elif stamp is None:
            self._good = self._last + duration
        else:
            return self._placed(stamp)
        return self._good

    def _placed(self, stamp: int) -> int:
        assert self._good is not None
        if (
            self._offset != self._settled
            and 0 < stamp + self._settled - self._last <= 2 * self._step
        ):
            self._return()
        time = stamp + self._offset
        if 0 < time - self._last <= _FAR:
            self._step = min(time - self._good, round(1 / self._tick) or 1)
            self._good = time
            self._agree()
            return time
        between = self._last + max(1, (self._good + self._step - self._last) // 2)
        if stamp != self.stamp:
            self._start_anew(stamp, between)
        return between

    def _start_anew(self, stamp: int, time: int) -> None:
        """Continue from `time` with a clock that shows `stamp` now."""
        self._offset, self._agreeing = time - stamp, 0
        if abs(stamp - self.stamp) * self._tick >= _WORTH_NOTING:
            before, now, on = (float(t * self._tick) for t in (self.stamp, stamp, time))
            self._notes.append(
                f"its clock jumps from {before:.3f} s to {now:.3f} s; "
                f"times continue from {on:.3f} s"
            )
            self._noted = True

    def _agree(self) -> None:
        self._agreeing += 1
        if self._agreeing >= _SETTLED:
            self._settled, self._noted = self._offset, False

    def _return(self) -> None:
        """Single wrong stamps set no clock."""
        self._offset = self._settled
        if self._noted:
            self._notes.pop()
            self._noted = False


class PacketClock:
    """Times of a sender that gives none: when the packet of each frame arrived. As `FileClock`."""

    def __init__(self) -> None:
        self.stamp = -1
        self.notes: list[str] = []
        self.knows_stamps = False
        self._clock = ArrivalClock()
        self._arrived = 0.0

    def saw(self, packet: av.Packet[av.VideoStream]) -> None:
        """Note a packet on its way to the decoder."""
        self._arrived = time.perf_counter()

    def seconds(self, frame: av.VideoFrame) -> float:
        """The time of the next frame, in seconds since the first one."""
        return self._clock.seconds(None, self._arrived)


class ArrivalClock:
    """Time stamps of a live sender while they are sane, else the time of arrival."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._offset = 0.0
        self._last = -1e-3

    def seconds(self, stamp: float | None, arrived: float) -> float:
        """Seconds since the first frame, from the sender's stamp and the local arrival time."""
        if self._began is None:
            self._began, self._offset = arrived, -(stamp or 0.0)
        local = arrived - self._began
        if stamp is None:
            seconds = local
        else:
            if abs(stamp + self._offset - local) > _JUMP:
                self._offset = local - stamp
            seconds = stamp + self._offset
        self._last = max(seconds, self._last + 1e-3)
        return self._last
