import type { GitCommit, NpmTarball, Source } from '@touchstone/contract';
import {
  inferRecipes,
  readClues,
  readProvenance,
  readRegistryFacts,
  type Clues,
  type ProvenanceOutcome,
} from '@touchstone/rebuild';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { parsePackage, type Places, type PublicationFiles } from '../publication-files.js';

interface GatherOptions {
  readonly source?: string;
  /** File of Sigstore's trusted root. */
  readonly trustedRoot?: string;
}

export interface Gathered {
  readonly clues: Clues;
  readonly notes: string[];
  /** Of npm packages whose source is not told. */
  readonly provenance?: ProvenanceOutcome;
}

/** The publication with its source: the one that is named, its own files, or its commit. */
export async function gather(
  { artifact, files, gitHead, label }: PublicationFiles,
  options: GatherOptions,
  places: Places,
): Promise<Gathered> {
  if (artifact === undefined)
    throw new CliError(
      'publication-unnamed',
      `${label} is nothing that a recipe can name`,
      EXIT.usage,
    );
  if (options.source !== undefined) {
    const source = await parseSource(options.source, places);
    return { clues: await withSource(source), notes: [] };
  }
  if (artifact.kind === 'oci') return { clues: await withSource(artifact), notes: [] };
  if (artifact.kind === 'upload')
    throw new CliError('source-missing', 'a file alone names no source: say --source', EXIT.usage);
  const { commit, notes, provenance } = await findCommit(artifact, gitHead, options, places);
  const own = readClues(artifact, files, artifact, files);
  const { modules, unexplained } = await inferRecipes(own);
  if (commit === undefined || (modules.length > 0 && unexplained.length === 0))
    return { clues: own, notes, provenance };
  try {
    return { clues: await withSource(commit), notes, provenance };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { clues: own, notes: [...notes, `that commit cannot be had: ${why}`], provenance };
  }

  async function withSource(source: Source): Promise<Clues> {
    const { entries } = await places.sources.fetch(source, places.signal);
    const tree = entries.flatMap((entry): [string, Uint8Array][] =>
      'data' in entry && entry.type === 'file' ? [[entry.path, entry.data]] : [],
    );
    return readClues(artifact!, files, source, new Map(tree));
  }
}

/** The commit of a package: by provenance that verifies, else by what nobody vouches for. */
async function findCommit(
  artifact: NpmTarball,
  gitHead: GitCommit | undefined,
  { trustedRoot }: GatherOptions,
  { registries, allowPrivate, signal }: Places,
): Promise<{ commit?: GitCommit; notes: string[]; provenance: ProvenanceOutcome }> {
  const network = { allowPrivate, signal };
  const root = trustedRoot === undefined ? undefined : await readBounded(trustedRoot);
  const text = root === undefined ? undefined : Buffer.from(root).toString('utf8');
  const provenance = await readProvenance(registries, artifact, text, network);
  const notes = [`SLSA provenance in the registry: ${provenanceText(provenance)}`];
  if (provenance.state === 'verified') return { commit: provenance.source, notes, provenance };
  if (gitHead === undefined) return { notes, provenance };
  notes.push(`gitHead in the registry, by nobody's word: ${gitHead.url} at ${gitHead.commit}`);
  return { commit: gitHead, notes, provenance };
}

function provenanceText(provenance: ProvenanceOutcome): string {
  switch (provenance.state) {
    case 'absent':
      return 'absent';
    case 'not-verified':
      return `not verified, ${provenance.code}: ${provenance.reason}`;
    case 'verified': {
      const { source, signer } = provenance;
      return `verified, ${source.url} at ${source.commit}, signed by ${signer.identity}`;
    }
  }
}

async function parseSource(
  text: string,
  { registries, allowPrivate, signal }: Places,
): Promise<Source> {
  const git = /^git\+((?:https?|file):.+)@([0-9a-f]{40})$/.exec(text);
  if (git !== null) return { kind: 'git', url: git[1] ?? '', commit: git[2] ?? '' };
  if (text.startsWith('npm:')) {
    const wanted = parsePackage(text.slice('npm:'.length));
    return (await readRegistryFacts(registries, wanted, { allowPrivate, signal })).artifact;
  }
  throw new CliError(
    'source-malformed',
    `${text}: write npm:NAME@VERSION or git+URL@COMMIT`,
    EXIT.usage,
  );
}
