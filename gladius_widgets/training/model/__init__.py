"""The model: where its weights come from, adapters, routers, optimizer."""
