"""What mitmproxy's own interfaces and files show of a flow: marks, comments, a content view, stored bodies."""
