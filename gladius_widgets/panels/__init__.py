"""Composite widgets about a job, one a file; each works alone in a notebook cell."""

from gladius_widgets.panels import lean as lean  # before anything imports bqplot
