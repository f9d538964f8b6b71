"""HTTP: the application of a service, its guarded routes, the shapes of requests and answers."""
