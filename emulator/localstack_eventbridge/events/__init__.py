"""EventBridge's event buses, rules and patterns as AWS documents them."""
