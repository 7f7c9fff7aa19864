#!/bin/sh
# One worker, inside its Tiny VM: real work with git, Python and Node, then waiting until stopped.
set -eu
cd "$HOME"
rm -rf notes
# The volume belongs to whoever owns it on the host; git asks for consent to read a repository of another user, in a file only.
git config --global safe.directory "$REPOSITORY"
git clone -q --no-local "$REPOSITORY" notes
python3 /work/parse.py "$MEASUREMENTS" notes >summary.json
node /work/check.js summary.json report.json
printf 'worker %s: %s\n' "$(hostname)" "$(cat report.json)"
# A sleep in the background, so that SIGTERM is answered at once.
trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM INT
while :; do
  sleep 3600 &
  sleeper=$!
  wait "$sleeper" || true
done
