import {
  advanceTrustRoot,
  parseJson,
  resolveTrustRoot,
  type ResolvedTrustRoot,
} from '@touchstone/attest';
import { rfc6962, treeHasher, type TreeHasher } from '@touchstone/merkle';
import { decodeUtf8, type WitnessedCheckpoint } from '@touchstone/note';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { readCarriedEntry, type EntryContext } from './carried-entry.js';
import { ArtifactStream } from './artifact-stream.js';
import { same } from './bytes.js';
import { AirgapError } from './errors.js';
import { verifyExporter } from './exporter.js';
import { nobleHash, readRecords } from './record-reader.js';
import type { CarryHeader, CarryRecord } from './record.js';
import { forkError, openSiteCheckpoint } from './site-checkpoint.js';
import { TreeWalk } from './tree-walk.js';
import type {
  SiteKnowledge,
  VerifiedBundle,
  VerifiedItem,
  VerifyBundleOptions,
} from './verified-bundle.js';

/**
 * Verifies a carry bundle while it streams, and hands out each item as soon as it was looked at.
 * Nothing of it may be relied on before the generator returns.
 *
 * @throws AirgapError; `fork` carries both signed checkpoints
 */
export async function* verifyBundle(
  chunks: AsyncIterable<Uint8Array>,
  site: SiteKnowledge,
  options: VerifyBundleOptions,
): AsyncGenerator<VerifiedItem, VerifiedBundle, undefined> {
  const state = new BundleState(site, options);
  for await (const record of readRecords(chunks, options.newHash)) {
    const item = await state.take(record);
    if (item !== undefined) yield item;
  }
  return state.finish();
}

/** Order of the records; a record may follow those of its own rank or of a lower one. */
const RANK: Readonly<Record<CarryRecord['kind'], number>> = {
  header: 0,
  'trust-root': 1,
  checkpoint: 2,
  skipped: 3,
  entry: 3,
  artifact: 4,
  chunk: 4,
  end: 5,
};

class BundleState {
  readonly #site: SiteKnowledge;
  readonly #options: VerifyBundleOptions;
  readonly #hasher: TreeHasher;
  #resolved: ResolvedTrustRoot;
  #entries: EntryContext | undefined;
  #rank = -1;
  #header: CarryHeader | undefined;
  #walk: TreeWalk | undefined;
  #checkpoint: { witnessed: WitnessedCheckpoint; note: Uint8Array } | undefined;
  #treeClosed = false;
  #ended = false;
  readonly #seen = { roots: 0, entries: 0, artifacts: 0 };
  readonly #artifacts: ArtifactStream;

  constructor(site: SiteKnowledge, options: VerifyBundleOptions) {
    this.#site = site;
    this.#options = options;
    this.#resolved = resolveTrustRoot(site.trustRoot);
    this.#artifacts = new ArtifactStream(options.newHash ?? nobleHash);
    this.#hasher = options.sha256 === undefined ? rfc6962 : treeHasher(options.sha256);
  }

  async take(record: CarryRecord): Promise<VerifiedItem | undefined> {
    this.#requireOrder(record);
    switch (record.kind) {
      case 'header':
        return this.#takeHeader(record.header);
      case 'trust-root':
        return this.#takeRoot(record.envelope);
      case 'checkpoint':
        return this.#takeCheckpoint(record);
      case 'skipped':
        this.#requireRoom(record.leaves).skip(record.leaves, record.hashes);
        return undefined;
      case 'entry':
        return this.#takeEntry(record);
      case 'artifact':
        return this.#takeArtifact(record);
      case 'chunk':
        this.#artifacts.chunk(record.bytes);
        return record;
      case 'end':
        this.#end();
        return undefined;
    }
  }

  finish(): VerifiedBundle {
    const [header, checkpoint, walk] = [this.#header, this.#checkpoint, this.#walk];
    if (!this.#ended || !header || !checkpoint || !walk) {
      throw new AirgapError('bundle-truncated', 'the bundle ends before its last record');
    }
    const trustRoot = this.#resolved.root;
    return { header, trustRoot, ...checkpoint, frontier: [...walk.frontier] };
  }

  #requireOrder({ kind }: CarryRecord): void {
    const rank = RANK[kind];
    const once = kind === 'header' || kind === 'checkpoint' || kind === 'end';
    const early =
      (rank > 0 && this.#header === undefined) || (rank > 2 && this.#checkpoint === undefined);
    if (rank < this.#rank || (once && rank === this.#rank) || early) {
      throw new AirgapError('bundle-order', `a ${kind} record stands where none may stand`);
    }
    this.#rank = rank;
    if (rank > 3) this.#closeTree();
  }

  #takeHeader(header: CarryHeader): VerifiedItem {
    const { site, origin, base, trustRoot } = this.#site;
    if (header.site !== site) {
      throw new AirgapError('wrong-site', `the bundle is for site ${header.site}, not ${site}`);
    }
    if (header.origin !== origin) {
      throw new AirgapError('wrong-origin', `the bundle is of log ${header.origin}, not ${origin}`);
    }
    if (header.rootVersion > trustRoot.version) {
      throw new AirgapError(
        'trust-root',
        `the bundle begins at trust root ${header.rootVersion}, the site has ${trustRoot.version}; ask for the versions between`,
      );
    }
    if (header.size < base.size) {
      throw new AirgapError(
        'rollback',
        `the bundle's tree has ${header.size} entries, the site already stands at ${base.size}`,
      );
    }
    if (header.proof === 'frontier' && header.base.size !== base.size) {
      throw new AirgapError(
        'base-mismatch',
        `the bundle follows size ${header.base.size}, the site stands at ${base.size}`,
      );
    }
    this.#header = header;
    this.#walk = new TreeWalk(base, header.base.size, header.proof, this.#hasher);
    return { kind: 'header', header };
  }

  async #takeRoot(envelope: Uint8Array): Promise<VerifiedItem | undefined> {
    const header = this.#header as CarryHeader;
    const version = header.rootVersion + ++this.#seen.roots;
    if (this.#seen.roots > header.roots) throw miscounted('trust roots', header.roots);
    // Versions that the site has by now: they were carried for one that imports less often.
    if (version <= this.#site.trustRoot.version) return undefined;
    try {
      const parsed = parseJson(envelope, envelope.length);
      const root = await advanceTrustRoot(this.#resolved.root, parsed, this.#options.verify);
      this.#resolved = resolveTrustRoot(root);
      return { kind: 'trust-root', root, envelope };
    } catch (cause) {
      throw new AirgapError('trust-root', `trust root ${version}: ${messageOf(cause)}`, { cause });
    }
  }

  async #takeCheckpoint({
    note,
    signature,
  }: Extract<CarryRecord, { kind: 'checkpoint' }>): Promise<VerifiedItem> {
    const header = this.#header as CarryHeader;
    if (this.#seen.roots !== header.roots) throw miscounted('trust roots', header.roots);
    const { verify } = this.#options;
    const witnessed = await openSiteCheckpoint(note, this.#site, this.#resolved, verify);
    const { size, root } = witnessed.checkpoint;
    if (size !== header.size) {
      throw new AirgapError('checkpoint', `the checkpoint has size ${size}, not ${header.size}`);
    }
    const signed = { header, note, ...(signature && { signature }) };
    await verifyExporter(signed, this.#resolved.root, verify);
    this.#checkpoint = { witnessed, note };
    const { base } = this.#site;
    if (size === base.size && !same(root, base.root)) throw this.#fork();
    return { kind: 'checkpoint', witnessed, note, ...(signature && { signature }) };
  }

  async #takeEntry({
    leaf,
    attestation,
  }: Extract<CarryRecord, { kind: 'entry' }>): Promise<VerifiedItem> {
    const walk = this.#requireRoom(1);
    const header = this.#header as CarryHeader;
    if (++this.#seen.entries > header.entries) throw miscounted('entries', header.entries);
    this.#entries ??= {
      origin: this.#site.origin,
      keys: new Map(this.#resolved.keys.map((key) => [key.keyId, key])),
      verify: this.#options.verify,
      sha256: this.#options.sha256 ?? nobleSha256,
    };
    const index = walk.position;
    const standing = await readCarriedEntry({ index, leaf, attestation }, this.#entries);
    walk.leaf(leaf);
    return { kind: 'entry', index, leaf, ...(attestation && { attestation }), standing };
  }

  #requireRoom(leaves: number): TreeWalk {
    const walk = this.#walk as TreeWalk;
    const { size } = this.#header as CarryHeader;
    if (leaves > size - walk.position) {
      throw new AirgapError('bundle-count', `the records go beyond the tree of ${size} entries`);
    }
    return walk;
  }

  /** After the last leaf: the root is the checkpoint's, and the site's tree is its beginning. */
  #closeTree(): void {
    if (this.#treeClosed) return;
    this.#treeClosed = true;
    const [header, walk] = [this.#header as CarryHeader, this.#walk as TreeWalk];
    if (this.#seen.entries !== header.entries) throw miscounted('entries', header.entries);
    const { checkpoint } = (this.#checkpoint as { witnessed: WitnessedCheckpoint }).witnessed;
    if (walk.position !== checkpoint.size || !same(walk.root(), checkpoint.root)) {
      throw new AirgapError(
        'root-mismatch',
        header.proof === 'frontier'
          ? "the entries do not lead from the site's tree to the checkpoint; ask for a bundle with the prefix, which tells a fork from damage"
          : 'the entries do not make the tree of the checkpoint',
      );
    }
    if (walk.consistent === undefined) {
      throw new AirgapError(
        'base-mismatch',
        `the bundle follows size ${header.base.size} and shows nothing of size ${this.#site.base.size}, where the site stands`,
      );
    }
    if (!walk.consistent) throw this.#fork();
  }

  #fork(): AirgapError {
    return forkError(this.#site, decodeUtf8((this.#checkpoint as { note: Uint8Array }).note));
  }

  #takeArtifact({ name, sha256, size }: Extract<CarryRecord, { kind: 'artifact' }>): VerifiedItem {
    const { artifacts } = this.#header as CarryHeader;
    if (++this.#seen.artifacts > artifacts) throw miscounted('artifacts', artifacts);
    this.#artifacts.begin(name, sha256, size);
    return { kind: 'artifact', name, sha256, size };
  }

  #end(): void {
    this.#artifacts.close();
    this.#closeTree();
    const { artifacts } = this.#header as CarryHeader;
    if (this.#seen.artifacts !== artifacts) throw miscounted('artifacts', artifacts);
    this.#ended = true;
  }
}

function miscounted(what: string, expected: number): AirgapError {
  return new AirgapError('bundle-count', `the header says ${expected} ${what}, the records differ`);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'unreadable';
}
