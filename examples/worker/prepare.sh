#!/bin/sh
# Makes examples/worker/data/notes.git, the small bare repository that each worker clones. Running it again changes nothing.
set -eu
cd "$(dirname "$0")"
[ ! -d data/notes.git ] || exit 0
rm -rf data/.making
mkdir -p data/.making/notes
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=example GIT_AUTHOR_EMAIL=example@tinyvm.invalid GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=example GIT_COMMITTER_EMAIL=example@tinyvm.invalid GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
git -c init.defaultBranch=main init -q data/.making/notes
for station in north harbour hill valley airport; do
  printf '# Station %s\n\nReads temperature, humidity and wind every 30 minutes.\n' "$station" >"data/.making/notes/$station.md"
  git -C data/.making/notes add .
  git -C data/.making/notes commit -q -m "Station $station"
done
git clone -q --bare data/.making/notes data/.making/notes.git
chmod -R a+rX data
mv data/.making/notes.git data/notes.git
rm -rf data/.making
