import { bytesToHex } from '@noble/hashes/utils.js';
import type { PublicKey, SignatureVerifier } from '@touchstone/note';
import type { Node } from '../component/component.js';
import { PREAMBLE_SIZE } from '../component/preamble.js';
import type { Span } from '../module.js';
import { algorithmOf, defaultKeyId, toVerifierForm } from './algorithms.js';
import { coverageOf, type Coverage, type SignatureProfile } from './coverage.js';
import { equalBytes, signedMessage } from './message.js';
import { partsOf, type RollingHash, type SignedParts } from './parts.js';
import { readSignatureData, type SectionSignature, type SignedHashes } from './signature-data.js';

/** What can be wrong with signatures whose bytes are in order. Each code has one meaning. */
export type SignatureCode =
  | 'signature-missing'
  /** Made by no key that is trusted. */
  | 'signature-signer-unknown'
  | 'signature-algorithm-unknown'
  /** It names a trusted key and was not made by it. */
  | 'signature-invalid'
  /** What was signed is not what stands in the file. */
  | 'signature-mismatch'
  /** Signed as a module and dressed as a component, or the other way round. */
  | 'signature-preamble'
  /** Nothing that is signed says whether this is a module or a component. */
  | 'signature-preamble-unsigned'
  /** Sections follow that nobody trusted has signed. */
  | 'signature-incomplete';

/** `certificate-…` codes are those of whoever judges certificates. */
export interface SignatureFinding {
  readonly code: SignatureCode | `certificate-${string}`;
  readonly node: string;
  readonly offset: number;
  readonly message: string;
}

/** A key that is trusted for what its certificates say, or why it is not. */
export type JudgedCertificates =
  | {
      readonly publicKey: PublicKey;
      readonly identity: string;
      readonly role: string;
      /** The time that the certificates were judged for, and where it comes from. */
      readonly at?: { readonly time: Date; readonly by: 'given' | 'log' | 'clock' };
    }
  | { readonly code: `certificate-${string}`; readonly message: string };

/**
 * Judges X.509 certificates in DER, the signer's first. A signature in a section is part of the
 * node's bytes, and as old as they are; one that stands apart may be younger.
 */
export type CertificateJudge = (
  certificates: readonly Uint8Array[],
  place: { readonly node: string; readonly where: SignatureReport['where'] },
) => JudgedCertificates | Promise<JudgedCertificates>;

export interface SignatureTrust {
  readonly publicKeys: readonly PublicKey[];
  readonly verify: SignatureVerifier;
  /** Without it certificates that stand with a signature are not looked at. */
  readonly certificates?: CertificateJudge;
}

/** Who signed which bytes. */
export interface SignatureReport {
  readonly node: string;
  readonly where: 'section' | 'detached';
  /** Of this signature, in the file or in the detached signature. */
  readonly offset: number;
  readonly algorithm: string;
  /** Hex, as the signature names it; empty when it names none. */
  readonly keyId: string;
  readonly status: 'valid' | 'invalid' | 'signer-unknown' | 'algorithm-unknown';
  readonly signer?: {
    readonly publicKey: PublicKey;
    readonly identity?: string;
    readonly role?: string;
    readonly at?: { readonly time: Date; readonly by: 'given' | 'log' | 'clock' };
  };
  readonly profile: SignatureProfile;
  /** Absent when what was signed is not there. */
  readonly covers?: Span & {
    /** First and last, as positions among the sections of the node. */
    readonly sections: readonly [number, number];
    readonly preamble: boolean;
    /** Nothing follows in this node. */
    readonly whole: boolean;
  };
}

export interface VerifySignaturesOptions extends SignatureTrust {
  /** `strict` when left out; `wasmsign2` asks for one trusted signature of all sections. */
  readonly profile?: SignatureProfile;
  /** Bytes of a detached signature, beside those in the file. */
  readonly detached?: Uint8Array;
  readonly hash?: RollingHash;
}

interface Evaluated {
  readonly report: SignatureReport;
  readonly coverage: Coverage;
  readonly finding?: SignatureFinding;
}

/**
 * Verifies the signatures of one module or component, those of what is nested in it left aside.
 *
 * Under the strict profile it is signed when a trusted key signed the preamble and every byte
 * behind the signatures, and when nothing that trusted keys signed is missing or altered. Others
 * may have signed beside them: what cannot be told is reported and decides nothing.
 *
 * @throws WasmError of {@link partsOf} and `readSignatureData`
 */
export async function verifySignatures(
  bytes: Uint8Array,
  node: Node,
  options: VerifySignaturesOptions,
): Promise<{ signatures: SignatureReport[]; findings: SignatureFinding[] }> {
  const { profile = 'strict', detached, hash } = options;
  const parts = partsOf(bytes, node, hash);
  const sources: ['section' | 'detached', SignedHashes[]][] = [];
  if (parts.header !== undefined) {
    sources.push(['section', readSignatureData(bytes, parts.header.content)]);
  }
  if (detached !== undefined) {
    const whole = { offset: 0, size: detached.length };
    sources.push(['detached', readSignatureData(detached, whole)]);
  }
  const evaluated: Evaluated[] = [];
  for (const [where, sets] of sources) {
    for (const set of sets) {
      evaluated.push(...(await evaluateSet({ node, parts, where, set }, options)));
    }
  }
  const found = evaluated.flatMap(({ finding }) => finding ?? []);
  const verdict = found.length > 0 ? undefined : refusal(node, parts, evaluated, profile);
  return {
    signatures: evaluated.map(({ report }) => report),
    findings: verdict === undefined ? found : [verdict],
  };
}

interface Place {
  readonly node: Node;
  readonly parts: SignedParts;
  readonly where: 'section' | 'detached';
  readonly set: SignedHashes;
}

async function evaluateSet(place: Place, trust: SignatureTrust): Promise<Evaluated[]> {
  const { node, parts, where, set } = place;
  const coverage = coverageOf(set.hashes, parts);
  const message = signedMessage(set.hashes);
  const evaluated: Evaluated[] = [];
  for (const signature of set.signatures) {
    const { offset, keyId } = signature;
    const answer = await judge(signature, message, trust, { node: node.path, where });
    const { status, signer, code, message: why } = answer;
    const covers = coversOf(node, parts, coverage);
    const report: SignatureReport = {
      ...{ node: node.path, where, offset, status, keyId: bytesToHex(keyId) },
      algorithm: algorithmOf(signature.algorithm) ?? `unknown (${signature.algorithm})`,
      profile: coverage.profile,
      ...(signer && { signer }),
      ...(covers && { covers }),
    };
    const finding =
      code === undefined
        ? status === 'valid'
          ? mismatch(node, parts, coverage)
          : undefined
        : { code, node: node.path, offset, message: why };
    evaluated.push({ report, coverage, ...(finding && { finding }) });
  }
  return evaluated;
}

function coversOf(
  node: Node,
  { parts }: SignedParts,
  coverage: Coverage,
): SignatureReport['covers'] {
  const [first, last] = [parts[0], parts[coverage.parts - 1]];
  if (first === undefined || last === undefined) return undefined;
  const end = last.offset + last.size;
  return {
    offset: first.offset,
    size: end - first.offset,
    sections: [first.sections[0], last.sections[1]],
    preamble: coverage.profile === 'strict' && !coverage.preambleDiffers,
    whole: end === node.offset + node.size,
  };
}

interface Judged extends Pick<SignatureReport, 'status' | 'signer'> {
  readonly code?: SignatureFinding['code'];
  readonly message: string;
}

/** Who made a signature, of those who are trusted. */
async function judge(
  signature: SectionSignature,
  message: Uint8Array,
  trust: SignatureTrust,
  place: Parameters<CertificateJudge>[1],
): Promise<Judged> {
  const algorithm = algorithmOf(signature.algorithm);
  if (algorithm === undefined) {
    const why = `signature algorithm ${signature.algorithm} is not known`;
    return { status: 'algorithm-unknown', code: 'signature-algorithm-unknown', message: why };
  }
  const bytes = toVerifierForm(algorithm, signature.signature);
  const check = async (key: PublicKey): Promise<boolean> =>
    key.algorithm === algorithm && bytes !== undefined && (await trust.verify(key, message, bytes));
  const { certificates = [] } = signature;
  if (certificates.length > 0 && trust.certificates !== undefined) {
    const judged = await trust.certificates(certificates, place);
    if ('code' in judged) return { status: 'signer-unknown', ...judged };
    if (await check(judged.publicKey)) return { status: 'valid', signer: judged, message: '' };
    return invalid(`${judged.identity}, whom the certificate names,`);
  }
  for (const publicKey of trust.publicKeys) {
    if (await check(publicKey)) return { status: 'valid', signer: { publicKey }, message: '' };
  }
  const named = trust.publicKeys.find(
    (key) => key.algorithm === algorithm && equalBytes(defaultKeyId(key), signature.keyId),
  );
  if (named !== undefined) return invalid(`the trusted key ${bytesToHex(signature.keyId)}`);
  return { status: 'signer-unknown', message: '' };
}

function invalid(who: string): Judged {
  return {
    status: 'invalid',
    code: 'signature-invalid',
    message: `${who} did not make this signature`,
  };
}

/** What a valid signature says and the bytes do not. */
function mismatch(
  node: Node,
  { parts }: SignedParts,
  { parts: matched, preambleDiffers, unmatched }: Coverage,
): SignatureFinding | undefined {
  const finding = (code: SignatureCode, offset: number, message: string): SignatureFinding => ({
    ...{ code, node: node.path, offset, message: `${node.path}: ${message}` },
  });
  if (preambleDiffers) {
    const message = `this was signed as another kind than the ${node.kind} that its preamble says`;
    return finding('signature-preamble', node.offset + PREAMBLE_SIZE / 2, message);
  }
  if (unmatched === 0) return undefined;
  const first = parts[matched];
  const offset = first?.offset ?? node.offset + node.size;
  const message = `${unmatched} of the signed hashes are those of other bytes than what begins here`;
  return finding('signature-mismatch', offset, message);
}

/** Why the whole is not signed as it must be; undefined when it is. */
function refusal(
  node: Node,
  parts: SignedParts,
  evaluated: readonly Evaluated[],
  profile: SignatureProfile,
): SignatureFinding | undefined {
  const finding = (code: SignatureCode, offset: number, message: string): SignatureFinding => ({
    ...{ code, node: node.path, offset, message: `${node.path}: ${message}` },
  });
  const valid = evaluated.filter(({ report }) => report.status === 'valid');
  const whole = valid.filter(({ report }) => report.covers?.whole === true);
  if (whole.some(({ report }) => profile === 'wasmsign2' || report.covers?.preamble === true)) {
    return undefined;
  }
  const [first] = evaluated;
  if (first === undefined) {
    return finding('signature-missing', node.offset, 'there is no signature');
  }
  if (valid.length === 0) {
    const offset = parts.header?.offset ?? node.offset;
    return finding('signature-signer-unknown', offset, 'nobody who is trusted has signed');
  }
  if (whole.length > 0) {
    const message = 'no trusted signature binds the preamble';
    return finding('signature-preamble-unsigned', node.offset + PREAMBLE_SIZE / 2, message);
  }
  const ends = valid.map(({ report: { covers } }) => (covers ? covers.offset + covers.size : 0));
  const end = Math.max(...ends);
  return finding('signature-incomplete', end, 'nobody who is trusted has signed what begins here');
}
