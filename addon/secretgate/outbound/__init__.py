"""The way out: from the body of a request to what the provider gets."""
