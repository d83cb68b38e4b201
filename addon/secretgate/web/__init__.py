"""The local page, http://secretgate.internal/: what the proxy is doing, for those who go through it.

`status` gathers what is shown, `page` and `pac` spell it, `site` says which path gets what and refuses
what comes from elsewhere; `addon` is the mitmproxy hook. Nothing here changes anything, and no
value of a secret comes near it.
"""
