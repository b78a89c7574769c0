"""What the window remembers from one time to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QSettings, QStandardPaths

from app.live.plan import CameraMode
from engine.errors import SettingsError
from engine.settings import Settings

_MOST_RECENT = 8


class Preferences:
    """Theme, layout, sources and settings in the user's own settings store."""

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store or QSettings("posestream", "live")

    def write(self) -> None:
        """Write everything to the store now."""
        self._store.sync()

    def get(self, key: str, otherwise: Any) -> Any:
        """A value of the same kind as `otherwise`, as it was kept; `otherwise` without one."""
        text = self._store.value(f"window/{key}")
        try:
            value = json.loads(text) if isinstance(text, str) else otherwise
        except ValueError:
            return otherwise
        return value if isinstance(value, type(otherwise)) else otherwise

    def keep(self, key: str, value: object) -> None:
        """Remember a value that JSON can hold."""
        self._store.setValue(f"window/{key}", json.dumps(value))

    @property
    def theme(self) -> str:
        """`dark` or `light`."""
        return "light" if self._store.value("theme") == "light" else "dark"

    @theme.setter
    def theme(self, name: str) -> None:
        self._store.setValue("theme", name)

    @property
    def panel(self) -> bool:
        """Whether the controls are shown."""
        return bool(self._store.value("panel", "yes") != "no")

    @panel.setter
    def panel(self, shown: bool) -> None:
        self._store.setValue("panel", "yes" if shown else "no")

    @property
    def layout(self) -> tuple[object, object]:
        """The window's geometry and the splitter's state, as Qt saved them; None without."""
        return self._store.value("geometry"), self._store.value("splitter")

    def keep_layout(self, geometry: object, splitter: object) -> None:
        """Remember where the window was and how it was divided."""
        self._store.setValue("geometry", geometry)
        self._store.setValue("splitter", splitter)

    @property
    def folder(self) -> Path:
        """Where recordings and screenshots go."""
        place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        default = Path(place or Path.home()) / "posestream"
        return Path(str(self._store.value("folder", str(default))))

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._store.setValue("folder", str(folder))

    def forget_folder(self) -> None:
        """Let recordings and screenshots go where they go at first."""
        self._store.remove("folder")

    @property
    def recent(self) -> list[str]:
        """Sources that were watched, newest first; without passwords, so not all of them."""
        return [text for text in self.get("recent", []) if isinstance(text, str)]

    def keep_recent(self, source: str) -> None:
        """Remember a source, unless it holds a password."""
        if "@" not in source.partition("://")[2].partition("/")[0]:
            others = [text for text in self.recent if text != source]
            self.keep("recent", [source, *others][:_MOST_RECENT])

    @property
    def titles(self) -> dict[str, str]:
        """What sources were renamed to."""
        return {str(k): str(v) for k, v in self.get("titles", {}).items()}

    def keep_title(self, name: str, title: str) -> None:
        """Remember what a source is called; nothing: what it is called by itself."""
        titles = {k: v for k, v in self.titles.items() if k != name}
        self.keep("titles", {**titles, name: title} if title else titles)

    @property
    def cameras(self) -> dict[str, CameraMode]:
        """How sources are opened and turned."""
        found = {}
        for source, kept in self.get("cameras", {}).items():
            size = kept.get("size")
            turned = kept.get("turned", 0)
            found[source] = CameraMode(
                (int(size[0]), int(size[1])) if size else None,
                kept.get("rate"),
                turned if turned in (90, 180, 270) else 0,
            )
        return found

    def keep_camera(self, source: str, mode: CameraMode) -> None:
        """Remember how a source is opened and turned."""
        kept = {"size": mode.size, "rate": mode.rate, "turned": mode.turned}
        self.keep("cameras", {**self.get("cameras", {}), source: kept})

    def cost(self, weights: str, device: str, precision: str) -> float | None:
        """Milliseconds per frame that were measured here the last time; None: never."""
        known = self._store.value(_cost_key(weights, device, precision))
        return float(known) if known else None

    def keep_cost(self, weights: str, device: str, precision: str, milliseconds: float) -> None:
        """Remember what a model costs on this machine."""
        self._store.setValue(_cost_key(weights, device, precision), f"{milliseconds:.2f}")

    def settings(self, otherwise: Settings) -> Settings:
        """The values of the last time; `otherwise` if they do not fit any more."""
        text = self._store.value("settings")
        if not isinstance(text, str):
            return otherwise
        try:
            return Settings.model_validate_json(text)
        except (ValueError, SettingsError):
            return otherwise

    def keep_settings(self, settings: Settings) -> None:
        """Remember thresholds, filters, model and device, as far as they were set."""
        self._store.setValue("settings", settings.model_dump_json(exclude_unset=True))


def _cost_key(weights: str, device: str, precision: str) -> str:
    return f"cost/{weights.replace('/', '|')}/{device}/{precision}"
