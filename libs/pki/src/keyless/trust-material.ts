import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial, type TrustMaterial } from '@sigstore/verify';
import { PkiError } from '../errors.js';

/**
 * A trusted root of Sigstore's (`application/vnd.dev.sigstore.trustedroot+json`) that names at least
 * one log and one certificate authority. Each key and chain in it says from when it holds: the library
 * would take one without a beginning as good since ever.
 *
 * @param value `TrustedRoot` of sigstore's protobuf-specs as parsed JSON
 * @throws PkiError `trusted-root-malformed`
 */
export function trustMaterial(value: unknown): TrustMaterial {
  try {
    const root = TrustedRoot.fromJSON(value);
    if (root.tlogs.length === 0 || root.certificateAuthorities.length === 0) {
      throw new TypeError('it names no log, or no certificate authority');
    }
    checkBeginnings(root);
    return toTrustMaterial(root);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new PkiError('trusted-root-malformed', `the trusted root cannot be read: ${why}`, {
      cause,
    });
  }
}

/** `TimeRange.start` is required by sigstore_common.proto, which proto3 itself cannot demand. */
function checkBeginnings(root: TrustedRoot): void {
  const ranges = {
    tlogs: root.tlogs.map(({ publicKey }) => publicKey?.validFor),
    ctlogs: root.ctlogs.map(({ publicKey }) => publicKey?.validFor),
    certificateAuthorities: root.certificateAuthorities.map(({ validFor }) => validFor),
    timestampAuthorities: root.timestampAuthorities.map(({ validFor }) => validFor),
  };
  for (const [field, of] of Object.entries(ranges)) {
    const at = of.findIndex((range) => range?.start === undefined);
    if (at >= 0) throw new TypeError(`${field}[${at}] has no validFor.start`);
  }
}
