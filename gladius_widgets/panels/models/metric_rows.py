"""One row of the metrics panel, as text."""

from dataclasses import dataclass

from gladius_widgets.panels import format as fmt


@dataclass(frozen=True)
class Trend:
    """How a loss moved: signed percent, and `spoken` as in `down 12.1% from previous`."""

    text: str
    icon: str
    tone: str
    spoken: str


@dataclass(frozen=True)
class Meter:
    """A bar: share of 1, its tone, and what it says."""

    share: float
    tone: str
    label: str


@dataclass(frozen=True)
class MetricRow:
    """One row.

    Attributes:
        key: stays the same while the row's label may change.
        help: what the figure is and over which window; shown on hover and focus.
        aside: a few words in the third column, such as the phase of the schedule.
        tone: colours the value.
        meter: a bar in the third column.
        note: a few muted words beside the label.
    """

    key: str
    label: str
    value: str
    help: str
    trend: Trend | None = None
    aside: str = ""
    tone: str = ""
    meter: Meter | None = None
    note: str = ""

    @property
    def accessible_name(self) -> str:
        """`Training loss 0.3420, down 12.1% from previous`."""
        value = "unknown" if self.value == fmt.UNKNOWN else self.value
        first, *others = self.label.split(" ")
        spoken = " ".join([first, *(w if w.isupper() else w.lower() for w in others)])
        after = [self.note, self.trend.spoken if self.trend else "", self.aside.lower()]
        return ", ".join(filter(None, [f"{spoken} {value}", *after]))
