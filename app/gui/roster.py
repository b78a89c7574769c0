"""Who has been seen, and what a person decided about them: names, hiding, following, counting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from PyQt6.QtCore import QObject, pyqtSignal

from app.overlay.look import Look, Who, Zone
from engine.types import UNTRACKED, Result

_LEFT = 1.0  # s out of sight after which a person is no more in view for the list's order
_GONE = 10.0  # s after which a person without a name is removed from the list


@dataclass(slots=True)
class Seen:
    """One person of one source."""

    seconds: float = 0.0  # in sight, all together
    time: float = 0.0  # s in the source, of the last sight
    score: float = 0.0
    here: bool = False  # in the newest frame


class Roster(QObject):
    """Changes nothing in the engine: numbers stay what the tracker gave."""

    changed = pyqtSignal()  # what is drawn of people

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.people: dict[Who, Seen] = {}
        self.names: dict[Who, str] = {}
        self.notes: dict[Who, list[str]] = {}
        self.hidden: frozenset[Who] = frozenset()
        self.followed: Who | None = None
        self.zones: dict[str, Zone] = {}
        self._times: dict[str, float] = {}

    @property
    def count(self) -> int:
        """How many people are in the newest frames, all sources together."""
        return sum(seen.here for seen in self.people.values())

    def has_left(self, who: Who) -> bool:
        """Whether a person has been out of sight for longer than a moment."""
        seen = self.people[who]
        return not seen.here and not 0 <= self._times.get(who[0], 0.0) - seen.time <= _LEFT

    def look(self, look: Look) -> Look:
        """The look with everything decided about people."""
        return replace(
            look,
            names=dict(self.names),
            hidden=self.hidden,
            followed=self.followed,
            zones=dict(self.zones),
        )

    def see(self, result: Result) -> None:
        """Take in who is in a frame."""
        frame, ids = result.frame, result.poses.ids.tolist()
        elapsed = min(max(frame.time - self._times.get(frame.source, frame.time), 0.0), 1.0)
        self._times[frame.source] = frame.time
        for (source, _), seen in self.people.items():
            if source == frame.source:
                seen.here = False
        for row, number in enumerate(ids):
            if number != UNTRACKED:
                seen = self.people.setdefault((frame.source, number), Seen())
                seen.seconds += elapsed
                seen.time, seen.here = frame.time, True
                seen.score = float(result.poses.score[row])
        self._forget(frame.source, frame.time)

    def join(self, source: str, before: int, now: int) -> None:
        """Two numbers are one person: what was decided about the first holds for the second."""
        old, new = (source, before), (source, now)
        seen = self.people.pop(old, None)
        if seen:
            self.people.setdefault(new, Seen()).seconds += seen.seconds
        if name := self.names.pop(old, ""):
            self.names.setdefault(new, name)
        if notes := self.notes.pop(old, []):
            self.notes[new] = [*notes, *self.notes.get(new, [])]
        if old in self.hidden:
            self.hidden = self.hidden - {old} | {new}
        if self.followed == old:
            self.followed = new
        self.changed.emit()

    def forget(self, sources: Mapping[str, object]) -> None:
        """Keep only the people of these sources."""
        for known in (self.people, self.names, self.notes):
            for who in [who for who in known if who[0] not in sources]:
                del known[who]
        self.hidden = frozenset(who for who in self.hidden if who[0] in sources)
        if self.followed and self.followed[0] not in sources:
            self.followed = None
        self.changed.emit()

    def follow(self, who: Who | None) -> None:
        """Dim everyone else; the same person again, or None: undim."""
        self.followed = None if who == self.followed else who
        self.changed.emit()

    def rename(self, who: Who, name: str) -> None:
        """Call a person something else than their number; nothing: by their number."""
        if name.strip():
            self.names[who] = name.strip()
        else:
            self.names.pop(who, None)
        self.changed.emit()

    def hide(self, who: Who, hidden: bool = True) -> None:
        """Do not draw a person, or draw them again."""
        self.hidden = self.hidden | {who} if hidden else self.hidden - {who}
        if hidden and self.followed == who:
            self.followed = None
        self.changed.emit()

    def show_all(self) -> None:
        """Show everyone and follow no one."""
        self.hidden, self.followed = frozenset(), None
        self.changed.emit()

    def set_zone(self, source: str, zone: Zone | None) -> None:
        """Count people at a line or a region, or no more."""
        if zone:
            self.zones[source] = zone
        else:
            self.zones.pop(source, None)
        self.changed.emit()

    def set_zones(self, zones: Mapping[str, Zone]) -> None:
        """Count people at exactly these, each of a source."""
        self.zones = dict(zones)
        self.changed.emit()

    def title(self, who: Who) -> str:
        """What a person is called."""
        return self.names.get(who) or f"Person {who[1]}"

    def _forget(self, source: str, now: float) -> None:
        for who, seen in list(self.people.items()):
            kept = who in self.names or who in self.hidden or who == self.followed
            if who[0] == source and not kept and not 0 <= now - seen.time <= _GONE:
                del self.people[who]
