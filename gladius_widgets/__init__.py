"""Mission control for LLM fine-tuning, inside Jupyter."""
