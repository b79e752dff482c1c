/** The manifest's own section; what it was called before is read too. */
export const MANIFEST_SECTION = 'composition-manifest';
export const OLDER_MANIFEST_SECTION = 'wsc.composition.manifest';

/**
 * Custom sections that speak of the bytes they stand in, and are added after those are final: a
 * digest that an attestation names must do without them. Only a binary's own sections count; what
 * stands within a nested component is part of that component's bytes.
 */
export const ATTESTATION_SECTIONS: ReadonlySet<string> = new Set([
  MANIFEST_SECTION,
  OLDER_MANIFEST_SECTION,
  'signature',
  'signature_delimiter',
]);
