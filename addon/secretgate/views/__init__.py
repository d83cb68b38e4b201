"""What mitmproxy's UIs and flow files show: marks, comments, a content view and stored bodies."""
