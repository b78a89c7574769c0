"""The truth about speed: how old the picture is, where the time goes, what was dropped."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.gui import style
from app.gui.ages import Ages, duration
from app.live.protocol import Ready

_SCALES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds at the top of the plot
_STAGE_COLOURS = ("#5aa9ff", "#b392ff", "#45d394", "#f7b955", "#ff8f70", "#4cc9f0", "#ff73b3")


class AgePlot(QWidget):
    """The age of every painted frame over the last seconds, with its 95th percentile."""

    def __init__(self, ages: Ages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ages = ages
        self._theme = style.DARK
        self.setMinimumHeight(88)
        self.setAccessibleName("Plot of frame age")

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Wide and low."""
        return QSize(280, 88)

    def set_theme(self, theme: style.Theme) -> None:
        """Paint in these colours."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the curve, the line of the percentile and the scale."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0, 6, -1, -14)
        recent = self._ages.recent()
        top = self._top(max((age for _, age in recent), default=0.0))
        self._lines(painter, area)
        if len(recent) > 1:
            points = [
                QPointF(
                    area.right() - area.width() * ago / self._ages.seconds,
                    area.bottom() - area.height() * min(age / top, 1.0),
                )
                for ago, age in recent
            ]
            self._curve(painter, area, points)
        spread = self._ages.spread()
        if spread:
            y = area.bottom() - area.height() * min(spread.p95 / top, 1.0)
            painter.setPen(QPen(QColor(self._theme["warning"]), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        self._scale(painter, area, top)
        painter.end()

    def _top(self, highest: float) -> float:
        return next((scale for scale in _SCALES if scale >= highest * 1.05), _SCALES[-1])

    def _lines(self, painter: QPainter, area: QRectF) -> None:
        painter.setPen(QPen(QColor(self._theme["line"]), 1))
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - area.height() * share
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))

    def _scale(self, painter: QPainter, area: QRectF, top: float) -> None:
        """Painted last, on a ground of their own: the curve may pass below the figures."""
        painter.setFont(style.font(7.5))
        ground = QColor(self._theme["surface"])
        ground.setAlpha(200)
        painter.setPen(QColor(self._theme["muted"]))
        for share in (0.5, 1.0):
            text = duration(top * share)
            place = QRectF(area.left(), area.bottom() - area.height() * share + 1, 46, 12)
            plate = painter.boundingRect(place, Qt.AlignmentFlag.AlignLeft, text)
            painter.fillRect(plate.adjusted(0, 0, 4, 0), ground)
            painter.drawText(plate.translated(2, 0), Qt.AlignmentFlag.AlignLeft, text)
        painter.drawText(
            QPointF(area.left() + 2, area.bottom() + 12), f"{self._ages.seconds:g} s ago"
        )
        right = QRectF(area.right() - 60, area.bottom() + 2, 60, 12)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight, "now")

    def _curve(self, painter: QPainter, area: QRectF, points: list[QPointF]) -> None:
        accent = QColor(self._theme["accent"])
        path = QPainterPath(QPointF(points[0].x(), area.bottom()))
        path.addPolygon(QPolygonF(points))
        path.lineTo(points[-1].x(), area.bottom())
        path.lineTo(points[0].x(), area.bottom())
        fill = QLinearGradient(area.topLeft(), area.bottomLeft())
        strong, weak = QColor(accent), QColor(accent)
        strong.setAlpha(90)
        weak.setAlpha(8)
        fill.setColorAt(0, strong)
        fill.setColorAt(1, weak)
        painter.fillPath(path, fill)
        painter.setPen(QPen(accent, 1.4))
        painter.drawPolyline(QPolygonF(points))


class StageBar(QWidget):
    """Where the time of a batch goes: one bar, a colour per stage."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stages: dict[str, float] = {}
        self._theme = style.DARK
        self.setFixedHeight(8)
        self.setAccessibleName("Share of time per stage")

    def set_theme(self, theme: style.Theme) -> None:
        """Paint in these colours."""
        self._theme = theme
        self.update()

    def set_stages(self, stages: dict[str, float]) -> None:
        """Seconds per stage, in the order of the bar."""
        self._stages = stages
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        rounded = QPainterPath()
        rounded.addRoundedRect(area, 4, 4)
        painter.setClipPath(rounded)
        painter.fillRect(area, QColor(self._theme["line"]))
        total, x = sum(self._stages.values()), 0.0
        for i, seconds in enumerate(self._stages.values()):
            width = area.width() * seconds / total if total else 0.0
            painter.fillRect(QRectF(x, 0, width - 1, area.height()), QColor(stage_colour(i)))
            x += width
        painter.end()


class PerformancePanel(QWidget):
    """Figures, plot and stages; `refresh` is called a few times a second, never per frame."""

    summary = pyqtSignal(str)  # the two figures that say most

    def __init__(self, ages: Ages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ages = ages
        self.plot = AgePlot(ages)
        self._bar = StageBar()
        self._figures = {name: _figure() for name in ("p50", "p95", "p99", "rate")}
        self._legend = QGridLayout()
        self._stage_labels: list[tuple[QLabel, QLabel]] = []
        self._dropped, self._engine, self._modes = QLabel(), QLabel(), QLabel()
        self._lay_out()
        self.refresh()

    def set_theme(self, theme: style.Theme) -> None:
        """Paint in these colours."""
        self.plot.set_theme(theme)
        self._bar.set_theme(theme)

    def set_engine(self, ready: Ready | None) -> None:
        """Say which device, precision and weights work."""
        self._engine.setText(
            f"{ready.device} · {ready.precision} · {ready.weights} at {ready.input_size}"
            if ready
            else "Nothing is running."
        )

    def set_sources(self, lines: dict[str, str]) -> None:
        """Say of each source what it delivers and what becomes of its frames."""
        if self.isVisible() or not lines:
            self._modes.setText("\n".join(f"{name}: {line}" for name, line in lines.items()))
            self._modes.setVisible(bool(lines))

    def refresh(self) -> None:
        """Show the figures of this moment."""
        spread, rate = self.ages.spread(), self.ages.rate()
        for name in ("p50", "p95", "p99"):
            known = getattr(spread, name) if spread else None
            self._figures[name].setText("–" if known is None else _figures_of(known))
        self._figures["rate"].setText(f"{rate:.1f}" if rate else "–")
        self.summary.emit(f"{duration(spread.p50)} · {rate:.0f} fps" if spread else "")
        if not self.isVisible():
            return
        dropped = self.ages.dropped
        share = f" ({self.ages.dropped_share:.0%} of what arrived)" if dropped else ""
        self._dropped.setText(f"{dropped} frames skipped for newer ones{share}")
        self._show_stages(self.ages.stages)
        self.plot.update()

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        figures = QHBoxLayout()
        figures.setSpacing(4)
        captions = {"p50": "age p50", "p95": "age p95", "p99": "age p99", "rate": "frames/s"}
        for name, label in self._figures.items():
            column = QVBoxLayout()
            column.setSpacing(0)
            column.addWidget(label)
            column.addWidget(_labelled(captions[name], "small"))
            label.setAccessibleDescription(captions[name])
            figures.addLayout(column, 1)
        rows.addLayout(figures)
        rows.addWidget(self.plot)
        rows.addWidget(self._bar)
        self._legend.setHorizontalSpacing(12)
        self._legend.setVerticalSpacing(2)
        rows.addLayout(self._legend)
        for label in (self._dropped, self._engine, self._modes):
            label.setProperty("role", "small")
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            rows.addWidget(label)
        self.set_engine(None)
        self.set_sources({})

    def _show_stages(self, stages: dict[str, float]) -> None:
        self._bar.set_stages(stages)
        while len(self._stage_labels) < len(stages):
            i = len(self._stage_labels)
            name, value = _labelled("", "small"), _labelled("", "small")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._legend.addWidget(name, i // 2, 2 * (i % 2))
            self._legend.addWidget(value, i // 2, 2 * (i % 2) + 1)
            self._stage_labels.append((name, value))
        for i, (name, value) in enumerate(self._stage_labels):
            stage, seconds = list(stages.items())[i] if i < len(stages) else ("", 0.0)
            name.setText(f'<span style="color:{stage_colour(i)}">●</span> {stage}' if stage else "")
            value.setText(f"{seconds * 1e3:.1f} ms" if stage else "")


def stage_colour(i: int) -> str:
    """The colour of the i-th stage in bar and legend."""
    return _STAGE_COLOURS[i % len(_STAGE_COLOURS)]


def _figure() -> QLabel:
    label = QLabel("–")
    label.setFont(style.font(14, bold=True))
    return label


def _labelled(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    return label


def _figures_of(seconds: float) -> str:
    number, _, unit = duration(seconds).partition(" ")
    return f'{number}<span style="font-size: 9pt; font-weight: 400"> {unit}</span>'
