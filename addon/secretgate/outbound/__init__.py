"""The request path: from the body of a request to what the provider receives."""
