"""Services that need nothing beside LocalStack: no Java, no network, no folder of others."""
