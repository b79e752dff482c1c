import { z } from 'zod';

/** Name of the queue that carries one rebuilder's work. */
export function queueName(rebuilderId: string): string {
  return `rebuild-${rebuilderId}`;
}

/** A job carries ids only: PostgreSQL is the truth, and a lost queue is refilled from it. */
export const RebuildJob = z.strictObject({ rebuildId: z.uuid() });

export type RebuildJob = z.infer<typeof RebuildJob>;
