"""One worker among several behind a balancer: readiness, draining, and the process that runs several."""
