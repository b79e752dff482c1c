// The image's health check: asks the service in this container whether it is well. The entry point
// knows the default ports, a health check does not share its environment, so process 1 is asked.
import { readFileSync } from 'node:fs';

const environment = Object.fromEntries(
  readFileSync('/proc/1/environ', 'utf8')
    .split('\0')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);
// A worker serves nothing: that it runs is all there is to see.
if (environment.PORT !== undefined) {
  const response = await fetch(`http://127.0.0.1:${environment.PORT}/healthz`, {
    signal: AbortSignal.timeout(4000),
  });
  if (!response.ok) throw new Error(`/healthz answered ${response.status}`);
}
