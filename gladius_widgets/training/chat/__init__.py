"""Conversations as text, by chat templates, and where their answers are."""
