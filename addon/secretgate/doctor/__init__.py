"""Checks that traffic of AI tools on this machine reaches the proxy, and that they trust its CA.

`tools` is a table of what is known about each tool, `checks` derives findings from it and a view of
the machine, and `selftest` sends a request through the running proxy, which the proxy answers
itself.
"""
