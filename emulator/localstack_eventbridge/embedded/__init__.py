"""Services for which LocalStack needs a download, on moto instead: no Java, no network."""
