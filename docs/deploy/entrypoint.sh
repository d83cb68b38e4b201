#!/bin/sh
# Puts the key and the CA that all workers share where secretgate looks for them, as files that are its
# own and nobody else's (what containers mount is usually neither), and runs it.
set -eu
umask 077
home="${SECRETGATE_HOME:?where this worker keeps its state}"
keys="${SECRETGATE_KEYS:-/run/secrets/secretgate}"
mkdir -p "$home/ca"
install -m 600 "$keys/placeholder.key" "$home/placeholder.key"
for file in mitmproxy-ca.pem mitmproxy-ca-cert.pem issuing-ca.pem; do
    install -m 600 "$keys/$file" "$home/ca/$file"
done
exec secretgate "$@"
