"""What is mitmproxy's: flows, connections and certificates. The hooks in `gate.py` call it; nothing
behind it knows of a flow."""
