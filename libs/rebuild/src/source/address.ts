import { publicLookup as publicLookupOr, type Lookup } from '@touchstone/oci';
import { RebuildError } from '../errors.js';

export { isPrivateAddress } from '@touchstone/oci';

export function refuseAddress(host: string, address: string): RebuildError {
  return new RebuildError(
    'address-not-allowed',
    `${host} resolves to ${address}, which is private, local or reserved; the operator must opt in to such registries`,
  );
}

/** Name resolution for sockets that refuses private addresses, when it connects. */
export const publicLookup: Lookup = publicLookupOr(refuseAddress);
