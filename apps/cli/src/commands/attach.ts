import {
  Layout,
  parseReference,
  pushArtifact,
  readReferrers,
  Repository,
  type ArtifactStore,
  type Manifest,
} from '@touchstone/oci';
import { BUNDLE_MEDIA_TYPE, EVIDENCE_SCHEMA, parseJson } from '@touchstone/attest';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { registryTransport } from '../registries.js';

interface Options {
  list?: boolean;
  allowPrivateRegistries?: boolean;
  json?: boolean;
}

/** What a file says that it is, and the media type under which others look for it. */
interface Attachable {
  readonly mediaType: string;
  readonly predicateType?: string;
}

const EVIDENCE_TYPE = 'application/vnd.touchstone.evidence.v1+json';
const ENVELOPE_TYPE = 'application/vnd.dsse.envelope.v1+json';
const MAX_BYTES = 64 * 1024 * 1024;

export function registerAttach(program: Command, context: Context): void {
  program
    .command('attach')
    .argument('<artifact>', 'HOST/NAME@sha256:HEX, HOST/NAME:TAG or oci-layout:FOLDER:TAG')
    .argument('[files...]', 'evidence files, Sigstore bundles, DSSE envelopes')
    .description('attach evidence to an OCI artifact as its referrers, or list what is attached')
    .option('--list', 'list what is attached instead')
    .option('--allow-private-registries', 'speak to private and loopback addresses too')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nCredentials are those of `docker login`. A registry without the referrers API is given the' +
        "\nspecification's fallback tag.\n\nExit codes: 0 done, 2 usage, 3 not reached or not found." +
        '\n\nExample:\n  touchstone attach ghcr.io/org/module:v1 module.evidence.json',
    )
    .action((artifact: string, files: string[], options: Options) =>
      attach(artifact, files, options, context),
    );
}

async function attach(
  artifact: string,
  files: readonly string[],
  options: Options,
  context: Context,
): Promise<void> {
  const { terminal, stop } = context;
  if ((files.length === 0) !== (options.list === true))
    throw new CliError('files-missing', 'name files to attach, or --list alone', EXIT.usage);
  // Before anything is written: a file that is refused leaves the artifact as it was.
  const read = await Promise.all(files.map(readAttachable));
  const { store, wanted } = await openArtifact(artifact, options.allowPrivateRegistries === true);
  const subject = await store.manifest(wanted, stop);
  for (const { bytes, mediaType, predicateType } of read) {
    const annotations =
      predicateType === undefined ? {} : { 'dev.sigstore.bundle.predicateType': predicateType };
    await pushArtifact(
      store,
      { artifactType: mediaType, layers: [{ mediaType, bytes }], annotations, subject },
      undefined,
      stop,
    );
  }
  const attached = await readReferrers(store, subject.descriptor.digest, undefined, stop);
  if (options.json === true)
    terminal.json({ subject: subject.descriptor, referrers: attached.map(view) });
  else {
    terminal.print(`${store.name}@${subject.descriptor.digest}`);
    for (const manifest of attached) {
      const { artifactType, digest, layers } = view(manifest);
      terminal.print(
        `  ${artifactType}  ${digest}  ${layers.map((layer) => layer.digest).join(' ')}`,
      );
    }
  }
}

function view({ descriptor, content }: Manifest): {
  digest: string;
  artifactType: string;
  layers: { mediaType: string; digest: string; size: number }[];
} {
  const image = content.kind === 'image' ? content.image : undefined;
  return {
    digest: descriptor.digest,
    artifactType: image?.artifactType ?? '',
    layers: (image?.layers ?? []).map(({ mediaType, digest, size }) => ({
      mediaType,
      digest,
      size,
    })),
  };
}

async function openArtifact(
  text: string,
  allowPrivate: boolean,
): Promise<{ store: ArtifactStore; wanted: string }> {
  const layout =
    /^oci-layout:(.+?)(?:@(sha256:[0-9a-f]{64})|:([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))$/.exec(text);
  if (layout !== null) {
    const [, folder = '', digest, tag] = layout;
    return { store: await Layout.open(folder), wanted: digest ?? tag ?? '' };
  }
  const reference = parseReference(text);
  const wanted = reference.digest ?? reference.tag;
  if (wanted === undefined)
    throw new CliError(
      'reference-malformed',
      `${text}: say which, by :TAG or @sha256:HEX`,
      EXIT.usage,
    );
  return {
    store: new Repository(reference, await registryTransport(reference.registry, allowPrivate)),
    wanted,
  };
}

async function readAttachable(file: string): Promise<Attachable & { bytes: Uint8Array }> {
  const bytes = await readBounded(file, MAX_BYTES);
  const document = parseJson(bytes, MAX_BYTES);
  const kind = attachable(document);
  if (kind !== undefined) return { bytes, ...kind };
  throw new CliError(
    'file-unknown',
    `${file} is no evidence file, Sigstore bundle or DSSE envelope`,
    EXIT.usage,
  );
}

function attachable(document: unknown): Attachable | undefined {
  const schema = field(document, 'schema');
  const mediaType = field(document, 'mediaType');
  if (schema === EVIDENCE_SCHEMA) return { mediaType: EVIDENCE_TYPE };
  const envelope = mediaType === BUNDLE_MEDIA_TYPE ? field(document, 'dsseEnvelope') : document;
  const predicateType = predicateOf(field(envelope, 'payload'));
  const kind = mediaType === BUNDLE_MEDIA_TYPE ? BUNDLE_MEDIA_TYPE : ENVELOPE_TYPE;
  if (kind === ENVELOPE_TYPE && !Array.isArray(field(document, 'signatures'))) return undefined;
  return predicateType === undefined ? undefined : { mediaType: kind, predicateType };
}

function predicateOf(payload: unknown): string | undefined {
  if (typeof payload !== 'string') return undefined;
  try {
    const statement: unknown = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
    const type = field(statement, 'predicateType');
    return typeof type === 'string' ? type : undefined;
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
