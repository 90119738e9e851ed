"""Figures, axes and cards, and the charts of experts, memory and pace."""
