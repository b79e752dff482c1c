/** What the holder of a key signs for. */
export const ROLES = ['owner', 'integrator', 'rebuilder', 'device'] as const;
export type Role = (typeof ROLES)[number];

/**
 * Roles are purposes in the extended key usage (RFC 5280 section 4.2.1.12), so that a certificate
 * that may issue owners alone is said in the same place. The arc is that of a UUID (ITU-T X.667),
 * be43f8bf-d2f2-4110-8b24-8a4bc846ec50, which nobody has to register.
 */
const ARC = '2.25.252906248324101314511413291119832132688';

/** Who says what: the role that goes with the statements of a predicate type. */
const OF_STATEMENTS: ReadonlyMap<string, Role> = new Map([
  ['https://touchstone.dev/revocation/v1', 'owner'],
  ['https://touchstone.dev/composition/v1', 'integrator'],
  ['https://wsc.dev/composition/v1', 'integrator'],
  ['https://wsc.dev/in-toto/composition/v1', 'integrator'],
  ['https://touchstone.dev/rebuild/v1', 'rebuilder'],
  ['https://slsa.dev/provenance/v1', 'rebuilder'],
  ['https://cyclonedx.org/bom', 'rebuilder'],
  ['https://touchstone.dev/acknowledgement/v1', 'device'],
]);

/** The role that a signer of such a statement must have; undefined where none is bound to it. */
export function roleOfStatement(predicateType: string): Role | undefined {
  return OF_STATEMENTS.get(predicateType);
}

/** DER of that arc, without tag and length. */
const ARC_BODY = '6982fcc3fcaffaaf9284a18b92a2c9bcc29bd850';

export function roleOid(role: Role): string {
  return `${ARC}.${ROLES.indexOf(role) + 1}`;
}

/** The role of an OID, by the hex of its DER body. */
export function roleOf(oid: string): Role | undefined {
  return ROLES.find((_, position) => oid === `${ARC_BODY}0${position + 1}`);
}
