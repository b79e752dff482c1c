import { z } from 'zod';
import { compareVersions, parseVersion, type Version } from './version-order.js';

// The OSV schema 1.x, as far as matching goes. Fields of later versions are ignored.

const Text = z.string().max(2048);
const RangeEvent = z.looseObject({
  introduced: Text.optional(),
  fixed: Text.optional(),
  last_affected: Text.optional(),
  limit: Text.optional(),
});
const Range = z.looseObject({ type: z.string(), events: z.array(RangeEvent).max(10_000) });
const Severity = z.array(z.looseObject({ type: z.string().max(64), score: z.string().max(512) }));

export const Affected = z.looseObject({
  package: z.looseObject({ ecosystem: Text, name: Text }).optional(),
  ranges: z.array(Range).max(10_000).nullish(),
  versions: z.array(Text).max(200_000).nullish(),
  severity: Severity.nullish(),
});

export const Advisory = z.looseObject({
  id: z.string().min(1).max(256),
  summary: z.string().max(65_536).nullish(),
  withdrawn: z.string().nullish(),
  aliases: z.array(z.string().max(256)).max(1000).nullish(),
  severity: Severity.nullish(),
  affected: z.array(Affected).max(10_000).nullish(),
});
export type Affected = z.infer<typeof Affected>;
export type Advisory = z.infer<typeof Advisory>;
type Range = z.infer<typeof Range>;
type RangeEvent = z.infer<typeof RangeEvent>;

/** `unknown`: the version, or the range, cannot be ordered, and no list names the version. */
export type Affects = 'yes' | 'no' | 'unknown';

/**
 * Whether a version is affected: by the evaluation that the OSV schema defines, a version is when a
 * list names it or a range of versions includes it. Ranges of commits say nothing of versions.
 */
export function affects(affected: Affected, version: string): Affects {
  const name = bare(version);
  if ((affected.versions ?? []).some((listed) => bare(listed) === name)) return 'yes';
  const ranges = (affected.ranges ?? []).filter(({ type }) => type !== 'GIT');
  if (ranges.length === 0) return 'no';
  const parsed = parseVersion(version);
  if (parsed === undefined) return 'unknown';
  const answers = ranges.map((range) => inRange(range, parsed));
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unknown') ? 'unknown' : 'no';
}

/** Versions that mend it, in the order of the entry; none when the entry names none. */
export function fixedVersions({ ranges }: Affected): string[] {
  return (ranges ?? [])
    .filter(({ type }) => type !== 'GIT')
    .flatMap(({ events }) => events.flatMap(({ fixed }) => fixed ?? []));
}

/** Go's versions begin with v, the lists of OSV leave it off. */
function bare(version: string): string {
  return version.replace(/^v(?=\d)/, '');
}

interface Step {
  readonly kind: 'introduced' | 'fixed' | 'last_affected';
  /** Undefined: before every version. */
  readonly at: Version | undefined;
}

function inRange({ events }: Range, version: Version): Affects {
  const steps: Step[] = [];
  const limits: string[] = [];
  for (const event of events) {
    if (event.limit !== undefined) limits.push(event.limit);
    const step = stepOf(event);
    if (step === 'unreadable') return 'unknown';
    if (step !== undefined) steps.push(step);
  }
  const beforeLimit = limits.length === 0 || limits.some((limit) => isBefore(version, limit));
  if (!beforeLimit) return 'no';
  // Sorting is stable: of two events at one version the later in the list decides.
  steps.sort((a, b) => compareSteps(a.at, b.at));
  let affected = false;
  for (const { kind, at } of steps) {
    const order = at === undefined ? 1 : compareVersions(version, at);
    if (kind === 'introduced' && order >= 0) affected = true;
    else if (kind === 'fixed' && order >= 0) affected = false;
    else if (kind === 'last_affected' && order > 0) affected = false;
  }
  return affected ? 'yes' : 'no';
}

function stepOf(event: RangeEvent): Step | 'unreadable' | undefined {
  const kind = (['introduced', 'fixed', 'last_affected'] as const).find(
    (name) => event[name] !== undefined,
  );
  if (kind === undefined) return undefined;
  const text = event[kind] ?? '';
  // "0" comes before every version, also before the pre-releases of 0.0.0.
  if (kind === 'introduced' && text === '0') return { kind, at: undefined };
  const at = parseVersion(text);
  return at === undefined ? 'unreadable' : { kind, at };
}

function compareSteps(a: Version | undefined, b: Version | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  return compareVersions(a, b);
}

function isBefore(version: Version, limit: string): boolean {
  if (limit === '*') return true;
  const parsed = parseVersion(limit);
  // A limit that cannot be read limits nothing: better one finding too many.
  return parsed === undefined || compareVersions(version, parsed) < 0;
}
