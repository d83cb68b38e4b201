"""Workers behind a load balancer: health checks, draining, and the process that runs several."""
