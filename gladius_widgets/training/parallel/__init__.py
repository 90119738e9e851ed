"""One optimizer step over all ranks: copies, FSDP or ZeRO."""
