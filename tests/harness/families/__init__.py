"""Each family of wire formats, written and read by means that are not the gate's own."""
