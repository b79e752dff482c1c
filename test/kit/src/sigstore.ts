import { createHash, sign, type KeyPairKeyObjectResult } from 'node:crypto';
import { initializeTLog } from '@sigstore/mock';
import {
  CertificateAuthority,
  FULCIO_OID,
  newKey,
  type CertificateLog,
} from './certificate-authority.js';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** What Fulcio writes into a certificate of a workflow. */
export interface Workflow {
  readonly repository: string;
  readonly commit: string;
  /** As Fulcio wrote it before 2023. */
  readonly legacy?: boolean;
}

/**
 * A Sigstore instance of a test's own, by `@sigstore/mock`: a certificate authority with its
 * transparency log, and a log of signatures. What it signs is what `npm publish --provenance` has
 * signed by the public one.
 */
export class SigstoreInstance {
  private constructor(
    private readonly authority: CertificateAuthority,
    private readonly rekor: Awaited<ReturnType<typeof initializeTLog>>,
    /** JSON, as `cosign trusted-root create` writes it. */
    readonly trustedRoot: string,
  ) {}

  static async start(): Promise<SigstoreInstance> {
    const [ctKey, rekorKey] = [newKey('P-256'), newKey('P-256')];
    const ctLog = certificateLog(ctKey);
    const authority = await CertificateAuthority.start(ctLog);
    const rekor = await initializeTLog('https://rekor.sigstore.mock', rekorKey);
    const validFor = { start: new Date(Date.now() - 3_600_000).toISOString() };
    const log = (key: Buffer) => ({
      baseUrl: 'https://rekor.sigstore.mock',
      hashAlgorithm: 'SHA2_256',
      publicKey: {
        ...{ rawBytes: key.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256' },
        validFor,
      },
      logId: { keyId: createHash('sha256').update(key).digest('base64') },
    });
    const root = {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [log(rekor.publicKey)],
      ctlogs: [log(ctLog.publicKey)],
      certificateAuthorities: [authority.trusted()],
      timestampAuthorities: [],
    };
    return new SigstoreInstance(authority, rekor, JSON.stringify(root));
  }

  /**
   * A bundle of a statement, signed by a workflow.
   *
   * @param kind as what the log takes it: an envelope, or a digest of what was signed
   */
  async sign(
    statement: unknown,
    workflow: Workflow,
    kind: 'dsse' | 'hashedrekord' = 'dsse',
  ): Promise<SignedBundle> {
    const by = await this.authority.issue(
      `${workflow.repository}/.github/workflows/publish.yml@refs/tags/v1`,
      extensionsOf(workflow),
    );
    const payload = Buffer.from(JSON.stringify(statement));
    const head = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `;
    const signed = Buffer.concat([Buffer.from(head), payload]);
    const sig = Buffer.from(by.sign(signed));
    const dsseEnvelope = {
      ...{ payload: payload.toString('base64'), payloadType: PAYLOAD_TYPE },
      signatures: [{ sig: sig.toString('base64'), keyid: '' }],
    };
    const verifier = Buffer.from(by.pem).toString('base64');
    const content = sig.toString('base64');
    const spec =
      kind === 'hashedrekord'
        ? {
            data: { hash: hashOf(signed) },
            signature: { content, publicKey: { content: verifier } },
          }
        : {
            envelopeHash: hashOf(Buffer.from(JSON.stringify(dsseEnvelope))),
            payloadHash: hashOf(payload),
            signatures: [{ signature: content, verifier }],
          };
    return {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        certificate: { rawBytes: by.certificate.toString('base64') },
        tlogEntries: [await this.#log(kind, spec)],
        timestampVerificationData: { rfc3161Timestamps: [] },
      },
      dsseEnvelope,
    };
  }

  async #log(kind: string, spec: object): Promise<LogEntry> {
    const entries: unknown = await this.rekor.log({ apiVersion: '0.0.1', kind, spec });
    const [entry] = Object.values(entries as Record<string, LoggedEntry>);
    if (entry === undefined) throw new Error('the log has no entry');
    const { inclusionProof: proof, signedEntryTimestamp } = entry.verification;
    const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
    return {
      logIndex: String(entry.logIndex),
      logId: { keyId: base64(entry.logID) },
      kindVersion: { kind, version: '0.0.1' },
      integratedTime: String(entry.integratedTime),
      inclusionPromise: { signedEntryTimestamp },
      inclusionProof: {
        ...{ logIndex: '0', treeSize: '1', rootHash: base64(proof.rootHash), hashes: [] },
        checkpoint: { envelope: proof.checkpoint },
      },
      canonicalizedBody: entry.body,
    };
  }
}

/** As Rekor answers. */
interface LoggedEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: { readonly rootHash: string; readonly checkpoint: string };
  };
}

interface LogEntry {
  readonly logIndex: string;
  readonly logId: { readonly keyId: string };
  readonly kindVersion: { readonly kind: string; readonly version: string };
  integratedTime: string;
  inclusionPromise?: { readonly signedEntryTimestamp: string };
  inclusionProof?: { readonly checkpoint: { envelope: string } };
  canonicalizedBody: string;
}

/** A Sigstore bundle v0.3; a test may alter it. */
export interface SignedBundle {
  readonly mediaType: string;
  verificationMaterial: {
    certificate: { rawBytes: string };
    tlogEntries: LogEntry[];
    timestampVerificationData: { rfc3161Timestamps: unknown[] };
  };
  dsseEnvelope: {
    payload: string;
    payloadType: string;
    signatures: { sig: string; keyid: string }[];
  };
}

function hashOf(bytes: Uint8Array): { algorithm: string; value: string } {
  return { algorithm: 'sha256', value: createHash('sha256').update(bytes).digest('hex') };
}

/** A log of certificates (RFC 6962, 3.2), for the mock's own no longer fits the pkijs that it asks for. */
function certificateLog({ publicKey, privateKey }: KeyPairKeyObjectResult): CertificateLog {
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const logID = createHash('sha256').update(spki).digest();
  const log = (certificate: ArrayBuffer, issuer: ArrayBuffer): Promise<ArrayBuffer> => {
    const tbs = firstElement(Buffer.from(certificate));
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(Date.now()));
    const entry = [Buffer.of(0, 0), time, Buffer.of(0, 1), Buffer.from(issuer)];
    const signed = Buffer.concat([...entry, number(3, tbs.length), tbs, Buffer.of(0, 0)]);
    const signature = sign('sha256', signed, privateKey);
    // sha256, ecdsa (RFC 5246, 7.4.1.4.1)
    const algorithm = Buffer.of(0, 0, 4, 3);
    const timestamp = [
      Buffer.of(0),
      logID,
      time,
      algorithm,
      number(2, signature.length),
      signature,
    ];
    const bytes = Buffer.concat(timestamp);
    return Promise.resolve(Uint8Array.from(Buffer.concat([number(2, bytes.length), bytes])).buffer);
  };
  return { publicKey: spki, logID, log };
}

/** The first element in a DER sequence, with its head. */
function firstElement(der: Buffer): Buffer {
  const end = (at: number): [content: number, end: number] => {
    const length = der[at + 1] ?? 0;
    if (length < 0x80) return [at + 2, at + 2 + length];
    const bytes = length - 0x80;
    return [at + 2 + bytes, at + 2 + bytes + der.readUIntBE(at + 2, bytes)];
  };
  const [start] = end(0);
  return der.subarray(start, end(start)[1]);
}

function number(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function extensionsOf({ repository, commit, legacy = false }: Workflow) {
  const issuer = 'https://token.actions.githubusercontent.com';
  const values: Record<string, string> = legacy
    ? { 1: issuer, 3: commit, 5: repository.replace('https://github.com/', '') }
    : { 8: issuer, 12: repository, 13: commit };
  return Object.entries(values).map(([number, value]) => ({
    oid: FULCIO_OID + number,
    value,
    legacy,
  }));
}
