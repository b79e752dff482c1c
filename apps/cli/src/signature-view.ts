import { keyId } from '@touchstone/note';
import type { SignatureFinding, SignatureReport } from '@touchstone/wasm';
import { oneLine } from './compose/graph-view.js';

/** A signature as JSON: the signer by the id of its key. */
export function signatureView({ signer, ...report }: SignatureReport): object {
  if (signer === undefined) return report;
  const { publicKey, ...who } = signer;
  return { ...report, signer: { keyId: keyId(publicKey), ...who } };
}

const JUDGED_AT = {
  given: 'good at the given',
  log: 'good when logged by',
  clock: 'good now,',
} as const;

/** Who signed which bytes, a line each, and what is wrong. */
export function signatureLines(
  signatures: readonly SignatureReport[],
  findings: readonly Pick<SignatureFinding, 'code' | 'node' | 'offset' | 'message'>[],
): string[] {
  return [
    ...signatures.map((each) => {
      const apart = each.where === 'detached' ? ' (detached)' : '';
      return `${each.node}${apart}  ${each.status}  ${each.algorithm}  ${who(each)}  ${what(each)}`;
    }),
    ...findings.map(
      ({ code, offset, message }) => `  ${code} at byte ${offset}: ${oneLine(message)}`,
    ),
  ];
}

function who({ signer, keyId: named }: SignatureReport): string {
  if (signer === undefined) return named === '' ? 'no key named' : `key ${named}`;
  const { identity, role, at } = signer;
  const as = role === undefined ? '' : ` as ${role}`;
  const when = at === undefined ? '' : `, ${JUDGED_AT[at.by]} ${at.time.toISOString()}`;
  return `by ${oneLine(identity ?? keyId(signer.publicKey))}${as}${when}`;
}

function what({ covers, profile }: SignatureReport): string {
  if (covers === undefined) return `signs nothing that is here (${profile})`;
  const { sections, offset, size, preamble, whole } = covers;
  const end = whole ? 'to the end' : 'not what follows';
  const start = preamble ? 'preamble and sections' : 'sections';
  return `signs ${start} ${sections[0]} to ${sections[1]}, bytes ${offset} to ${offset + size}, ${end} (${profile})`;
}
