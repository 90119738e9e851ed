"""Metric history: rows appended while training, kept as Parquet, read by cursor."""

from gladius_widgets.store.metrics import schemas
from gladius_widgets.store.metrics.branches import newest_attempt
from gladius_widgets.store.metrics.decimate import decimate
from gladius_widgets.store.metrics.export import export
from gladius_widgets.store.metrics.reader import MetricReader
from gladius_widgets.store.metrics.tidy import tidy
from gladius_widgets.store.metrics.writer import MetricWriter

__all__ = [
    "MetricReader",
    "MetricWriter",
    "decimate",
    "export",
    "newest_attempt",
    "schemas",
    "tidy",
]
