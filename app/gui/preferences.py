"""What the window remembers from one time to the next."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QSettings, QStandardPaths

from engine.errors import SettingsError
from engine.settings import Settings


class Preferences:
    """Theme, layout, sources and settings in the user's own settings store."""

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store or QSettings("posestream", "live")

    def write(self) -> None:
        """Write everything to the store now."""
        self._store.sync()

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
