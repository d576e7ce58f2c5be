"""A LocalStack 4.14 plug-in: Lambda without Docker, DynamoDB without Java, and what they need."""

VERSION = "0.1.0"
