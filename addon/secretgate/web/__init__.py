"""The local page, http://secretgate.internal/, which shows the proxy's state to its users.

`status` gathers what is shown; `page` and `pac` render it; `site` routes paths and refuses requests
from elsewhere; `addon` is the mitmproxy hook. Nothing here changes any state or has access to a
secret's value.
"""
