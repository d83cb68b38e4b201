"""Everything specific to mitmproxy: flows, connections and certificates.

The hooks in `gate.py` call it; no other package deals with flows.
"""
