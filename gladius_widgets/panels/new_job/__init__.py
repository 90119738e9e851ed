"""The form for a new job: fields and YAML of one config."""
