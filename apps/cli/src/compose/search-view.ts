import type { SearchedLog } from '@touchstone/attest';
import type { RevokerReport } from '@touchstone/compose';

/** What is known of each who may take nodes back, a line each. */
export function revokerLines(revokers: readonly RevokerReport[]): string[] {
  return revokers.map(({ revoker, newest, log }) => {
    const place = newest?.index === undefined ? '' : `, entry ${newest.index}`;
    const list = newest === undefined ? 'no list' : `newest list of ${newest.issuedOn}${place}`;
    const known =
      log === undefined
        ? 'whether a later one was withheld is not known: no log was asked'
        : `${newest === undefined ? 'none' : 'none newer'} is in ${log.origin} up to tree size ${log.size}`;
    return `revocations by ${revoker.slice(0, 16)}…: ${list}; ${known}`;
  });
}

/** Up to where nothing was left out of evidence. */
export function completeLine({ origin, size }: SearchedLog): string {
  return `complete: ${origin} has no other rebuild of it up to tree size ${size}`;
}
