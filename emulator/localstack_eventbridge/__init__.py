"""A LocalStack 4.14 plug-in: Lambda without Docker, EventBridge as AWS does it."""

VERSION = "0.1.0"
