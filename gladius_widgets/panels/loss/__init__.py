"""The loss of a run: a chart, a curve with zoom, and their figures."""
