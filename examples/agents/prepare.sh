#!/bin/sh
# Installs the npm packages of these examples, pinned, into examples/agents/node_modules (220 MB). Needs Node 20 and npm. Running it again changes nothing.
set -eu
cd "$(dirname "$0")"
[ ! -e node_modules/.complete ] || exit 0
npm ci --no-audit --no-fund --loglevel=error
chmod -R a+rX node_modules
touch node_modules/.complete
