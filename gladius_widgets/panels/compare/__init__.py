"""Several jobs side by side: their curves, figures and configs."""
