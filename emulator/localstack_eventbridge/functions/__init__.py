"""Lambda functions as processes of this computer: no Docker, and seen from inside as on AWS."""
