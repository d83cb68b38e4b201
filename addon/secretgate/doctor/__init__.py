"""Whether the traffic of the AI tools on this machine reaches the proxy, and whether they will trust it.

`tools` is the table of what is known of each tool, `checks` turns it and a view of the machine into
findings, `selftest` sends a request through the running proxy that the proxy answers itself.
"""
