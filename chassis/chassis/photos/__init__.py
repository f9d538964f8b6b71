"""Photos: cleaned, encrypted in the service's database, served with an `ETag`, erased for good. Tables and rules are the services'."""
