#!/bin/sh
# Starts one of the services by name; anything else is run as a command. `exec` makes the service
# process 1, which is the one that gets the signal to stop.
set -eu
case "${1:-}" in
  log) export PORT="${PORT:-7401}"; shift; exec node /app/apps/log/dist/main.js "$@" ;;
  coordinator) export PORT="${PORT:-7400}"; shift; exec node /app/apps/coordinator/dist/main.js "$@" ;;
  worker) shift; exec node /app/apps/worker/dist/main.js "$@" ;;
  touchstone) shift; exec node /app/apps/cli/bin/touchstone.js "$@" ;;
  *) exec "$@" ;;
esac
