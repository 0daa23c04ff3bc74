#!/bin/sh
# Installs the bench-only peers into benchmarks/peers/node_modules, from the npm registry alone: no compiler, no headers, no
# install scripts. Idempotent. better-sqlite3 is overridden in package.json to 13.x, whose prebuilt binaries lie inside
# the npm package. The 12.x that LangGraph's checkpointer asks for would fetch one from GitHub or compile it, and
# 12.11.1, compiled, aborts under Node 24 as soon as a statement is garbage-collected.
set -eu
cd "$(dirname "$0")"

# The main package brings Node 24 as a dev dependency; the machine's own may be older.
if [ -x ../../node_modules/.bin/node ]; then
  PATH="$(cd ../../node_modules/.bin && pwd):$PATH"
  export PATH
fi
node -e 'if (Number(process.versions.node.split(".")[0]) < 24) { console.error(`Node 24 is needed, found ${process.version}`); process.exit(1) }'

if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
fi
node check.ts 50
cp package-lock.json node_modules/.installed-lock.json
