import type { BundleReport } from '@touchstone/compose';
import { oneLine } from './graph-view.js';

/** Which identity signed which node, a line each. */
export function bundleLines(bundles: readonly BundleReport[]): string[] {
  return bundles.map(({ node, issuer, subject, signs, loggedAt, predicateType }) => {
    const what = signs === 'bytes' ? 'its bytes' : 'it without its attestation sections';
    const how = predicateType === undefined ? '' : `, in a statement of ${predicateType}`;
    return oneLine(`${node}  signed by ${subject} (${issuer}), logged ${loggedAt}: ${what}${how}`);
  });
}
