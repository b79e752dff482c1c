import { AttestError } from '../errors.js';
import type { LifeEvent } from './life-leaf.js';

/** Where and when something was logged. */
export interface LifeMark {
  /** Index of the leaf. */
  readonly index: number;
  /** RFC 3339, as the log says. */
  readonly at: string;
}

/** A key of the log and the leaves that began and ended its service. */
export interface KeyTerm {
  readonly vkey: string;
  /** Undefined for the key that the log began with. */
  readonly since?: LifeMark;
  /** Undefined while it signs. */
  readonly until?: LifeMark;
}

/** What a log has said of itself, up to some leaf. */
export interface LogLife {
  /** Oldest first. At most two are in service, and the older of those speaks for the log. */
  readonly keys: readonly KeyTerm[];
  /** The leaf after which there is none. */
  readonly frozen?: LifeMark;
}

/** The life of a log that has said nothing of itself. */
export function beginLife(vkey: string): LogLife {
  return { keys: [{ vkey }] };
}

/** The keys in service, the one that speaks for the log first. */
export function keysInService({ keys }: LogLife): string[] {
  return keys.filter(({ until }) => until === undefined).map(({ vkey }) => vkey);
}

/**
 * The keys of which one must sign a checkpoint of `size` leaves: those that were not retired by a
 * leaf which the checkpoint covers along with later ones.
 */
export function keysForSize({ keys }: LogLife, size: number): string[] {
  return keys
    .filter(({ until }) => until === undefined || size <= until.index + 1)
    .map(({ vkey }) => vkey);
}

/**
 * Takes the next event of a log, whose signatures were checked.
 *
 * @throws AttestError `life-inconsistent` when it does not follow from what was said before
 */
export function advanceLife(life: LogLife, index: number, event: LifeEvent): LogLife {
  const mark = { index, at: event.at };
  const [primary, next] = keysInService(life);
  if (life.frozen) refuse(index, `the log was frozen by leaf ${life.frozen.index}`);
  switch (event.event) {
    case 'rotate':
      if (next !== undefined) refuse(index, 'another rotation is not ended');
      if (event.from !== primary) refuse(index, `${event.from} is not the key of the log`);
      if (life.keys.some(({ vkey }) => vkey === event.to)) refuse(index, 'the key was used before');
      return { keys: [...life.keys, { vkey: event.to, since: mark }] };
    case 'retire':
      if (event.key !== primary || event.by !== next) refuse(index, 'no such rotation is going on');
      return {
        keys: life.keys.map((term) => (term.vkey === primary ? { ...term, until: mark } : term)),
      };
    case 'freeze':
      if (event.by !== primary) refuse(index, `${event.by} is not the key of the log`);
      return { keys: life.keys, frozen: mark };
  }
}

function refuse(index: number, why: string): never {
  throw new AttestError('life-inconsistent', `leaf ${index} about the log itself: ${why}`);
}
