"""One way to hand a payload to a target: permissions, the call, retries, dead-letter queue."""
