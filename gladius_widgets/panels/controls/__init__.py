"""What a reader can do to a job: buttons, dialogs, and their effect."""
