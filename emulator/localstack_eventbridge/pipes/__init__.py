"""EventBridge Pipes: one source, a filter, an enrichment, one target."""
