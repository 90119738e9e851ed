"""This machine: its GPUs and limits, its processes, who is who."""
