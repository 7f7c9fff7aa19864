#!/bin/sh
# The coding agent pi, inside its Tiny VM: one task, then it is done.
set -eu
mkdir -p "$HOME/.pi/agent"
cp /agents/models.json "$HOME/.pi/agent/models.json"
exec node /agents/node_modules/@mariozechner/pi-coding-agent/dist/cli.js --provider tinyvm --model any -p "$TASK"
