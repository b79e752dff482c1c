import { createHash } from 'node:crypto';
import { readEntry } from '@touchstone/attest';
import { BundledEntry } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import {
  decodeUtf8,
  NoteError,
  openCheckpoint,
  parseTlogProof,
  parseWitnessPolicy,
  verifyWitnessed,
  type Checkpoint,
  type PublicKey,
  type VerifierKey,
} from '@touchstone/note';
import { nodeHasher } from '@touchstone/tlog';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { isOfRekorTree, openEntryCheckpoint } from '../entry-checkpoint.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { bytesToHex } from '../log-reader.js';
import { checkInclusion, keysOf, type LogOptions } from '../log-view.js';
import { readPublicKey } from '../public-key-file.js';

interface VerifyOptions extends Pick<LogOptions, 'vkey' | 'trustRoot' | 'json'> {
  leaf?: string;
  artifact?: string;
  policy?: string;
  publicKey?: string;
}

/** What a file claims: this leaf stands at this index of the tree of this checkpoint. */
interface Claim {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  readonly note: string;
  /** Said beside the checkpoint, and to be the same. */
  readonly said?: { readonly size: string; readonly root: string; readonly index: string };
}

const HEADER = 'c2sp.org/tlog-proof@v1\n';

export function registerLogVerify(log: Command, context: Context): void {
  log
    .command('verify')
    .argument('<file>', 'tlog-proof, entry of Rekor v2 in JSON, or Sigstore bundle')
    .option('--vkey <key...>', "verifier key of the log's checkpoints")
    .option('--trust-root <file>', 'take the keys from this trust root')
    .option('--public-key <file>', 'PEM key of a log of Rekor v1, for an entry of such a log')
    .option('--leaf <file>', 'the leaf that a tlog-proof is about')
    .option('--artifact <file>', 'the file whose digest, or payload, the entry must name')
    .option('--policy <file>', 'C2SP tlog-policy; its quorum of witnesses must have cosigned')
    .option('--json', 'print JSON')
    .description('check offline that an entry is in a log; nobody is asked')
    .addHelpText(
      'after',
      '\nExamples:' +
        '\n  touchstone log verify entry.tlog-proof --leaf entry.json --trust-root trust-root.json' +
        '\n  touchstone log verify entry.sigstore.json --artifact module.wasm --vkey <key>' +
        '\n  touchstone log verify entry.sigstore.json --public-key rekor.pub',
    )
    .action((file: string, options: VerifyOptions) => verify(file, options, context));
}

async function verify(file: string, options: VerifyOptions, { terminal }: Context): Promise<void> {
  const trusted = await trustedKeys(options);
  const claim = await readClaim(file, options);
  const steps = ['parsed'];
  const { head, witnesses } = await checkNote(claim, trusted, options.policy);
  steps.push('checkpoint-signature');
  if (options.policy !== undefined) steps.push('witness-quorum');
  const leafHash = nodeHasher.leaf(claim.leaf);
  checkSaid(claim, head);
  checkInclusion({ index: claim.index, leafHash, proof: claim.hashes, head });
  steps.push('inclusion-proof');
  if (options.artifact !== undefined) {
    await checkArtifact(options.artifact, claim.leaf);
    steps.push('artifact');
  }
  const { origin, size } = head;
  const result = { ok: true, origin, index: claim.index, size, leafHash: bytesToHex(leafHash) };
  if (options.json === true) terminal.json({ ...result, witnesses, steps });
  else {
    terminal.print(`${terminal.style('green', 'proved')}  entry ${claim.index} is in ${origin}`);
    terminal.print(`leaf    ${result.leafHash}`);
    terminal.print(`tree    ${size} entries, signed by the log`);
    if (options.policy !== undefined) terminal.print(`seen by ${witnesses.join(', ')}`);
  }
}

type Trusted = readonly VerifierKey[] | PublicKey;

async function trustedKeys(options: VerifyOptions): Promise<Trusted> {
  if (options.publicKey === undefined) return keysOf({ log: '', ...options });
  const others = [options.vkey, options.trustRoot, options.policy];
  if (others.some((option) => option !== undefined)) {
    const message = '--public-key stands alone, without --vkey, --trust-root and --policy';
    throw new CliError('usage', message, EXIT.usage);
  }
  return readPublicKey(options.publicKey);
}

async function readClaim(file: string, { leaf }: VerifyOptions): Promise<Claim> {
  const bytes = await readBounded(file);
  if (Buffer.from(bytes.subarray(0, HEADER.length)).toString('latin1') !== HEADER) {
    return entryClaim(await readJson(file), file);
  }
  if (leaf === undefined) {
    const message = 'a tlog-proof does not hold its leaf; give --leaf, or export the bundle';
    throw new CliError('usage', message, EXIT.usage);
  }
  try {
    const { index, hashes, checkpoint } = parseTlogProof(decodeUtf8(bytes));
    return { index, hashes, note: checkpoint, leaf: await readBounded(leaf) };
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new CliError(cause.code, cause.message, EXIT.refuted, { cause });
  }
}

/** An entry as the log answers it, alone or as the first of a bundle. */
function entryClaim(document: unknown, file: string): Claim {
  const { verificationMaterial: material } = document as {
    verificationMaterial?: { tlogEntries?: unknown[] };
  };
  const parsed = BundledEntry.safeParse(material?.tlogEntries?.[0] ?? document);
  if (!parsed.success) {
    const message = `${file} is neither a tlog-proof nor an entry or bundle with its proof`;
    throw new CliError('entry-malformed', message, EXIT.refuted, { cause: parsed.error });
  }
  const { logIndex, canonicalizedBody, inclusionProof: proof } = parsed.data;
  return {
    // Entries of Rekor v1 are numbered over all trees of a log; the proof is of one.
    index: Number(proof.logIndex),
    leaf: Buffer.from(canonicalizedBody, 'base64'),
    hashes: proof.hashes.map((hash) => new Uint8Array(Buffer.from(hash, 'base64'))),
    note: proof.checkpoint.envelope,
    said: { size: proof.treeSize, root: proof.rootHash, index: logIndex },
  };
}

async function checkNote(
  { note, said }: Claim,
  trusted: Trusted,
  policyFile: string | undefined,
): Promise<{ head: Checkpoint; witnesses: string[] }> {
  try {
    if ('spki' in trusted || (said && policyFile === undefined)) {
      return { head: await openEntryCheckpoint(note, trusted), witnesses: [] };
    }
    if (policyFile === undefined) {
      return {
        head: (await openCheckpoint(note, trusted, nodeVerifier)).checkpoint,
        witnesses: [],
      };
    }
    const policy = parseWitnessPolicy(await readBounded(policyFile));
    const opened = await verifyWitnessed(note, policy, nodeVerifier, { logs: trusted });
    const witnesses = opened.cosignatures.map(({ witness }) => witness.name);
    if (opened.quorum) return { head: opened.checkpoint, witnesses };
    const who = witnesses.join(', ') || 'nobody';
    throw new CliError('quorum-missing', `only ${who} cosigned the checkpoint`, EXIT.refuted);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    const hint =
      cause.code === 'no-known-signature' && !('spki' in trusted) && said !== undefined
        ? '; for an entry of Rekor v1 give --public-key'
        : '';
    throw new CliError('checkpoint-signature', cause.message + hint, EXIT.refuted, { cause });
  }
}

function checkSaid({ said, index }: Claim, head: Checkpoint): void {
  if (!said) return;
  const root = Buffer.from(head.root).toString('base64');
  const sameIndex = isOfRekorTree(head) || said.index === String(index);
  if (said.size === String(head.size) && said.root === root && sameIndex) return;
  const message = 'index, size or root of the entry are not those of its proof and checkpoint';
  throw new CliError('entry-malformed', message, EXIT.refuted);
}

async function checkArtifact(file: string, leaf: Uint8Array): Promise<void> {
  const bytes = await readBounded(file);
  const { signed, payloadSha256 } = readEntry(leaf);
  const named = [
    ...(signed ? [`${signed.algorithm}:${bytesToHex(signed.digest)}`] : []),
    ...(payloadSha256 ? [`sha256:${bytesToHex(payloadSha256)}`] : []),
  ];
  const own = ['sha256', 'sha384', 'sha512'].map(
    (algorithm) => `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`,
  );
  if (own.some((digest) => named.includes(digest))) return;
  const message = `${file} is ${own[0]}, the entry names ${named.join(', ') || 'nothing'}`;
  throw new CliError('artifact-mismatch', message, EXIT.refuted);
}
