import { join } from 'node:path';
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { LogEnvironment } from '../environment.js';
import type { WriteDesk } from '../rekor/write-desk.js';
import { LogMap } from './log-map.js';

const FOLDER = 'map';

/** The verifiable index of a log, as its environment wants it; null when it wants none. */
export function openLogMap(around: {
  readonly environment: LogEnvironment;
  readonly desk: WriteDesk;
  readonly registry: Registry;
  readonly logger: Logger;
}): LogMap | null {
  const { environment, desk, registry, logger } = around;
  if (!environment.map) return null;
  const registers = [registry];
  const size = new Gauge({
    name: 'log_map_tree_size',
    help: 'Leaves that the map committed to last covers',
    registers,
  });
  const keys = new Gauge({ name: 'log_map_keys', help: 'Keys of the map', registers });
  const broken = new Gauge({
    name: 'log_map_failing',
    help: '1 while no commitment to the map can be made',
    registers,
  });
  return new LogMap({
    log: desk.indexed.log,
    append: (leaf) => desk.indexed.append(leaf),
    readAttestation: (digest) => desk.attestations.get(digest),
    prepared: (index) => {
      const found = desk.leafKeys.take(index);
      // What was missing may have been handed in since.
      const late = found?.absent !== undefined && desk.attestations.has(found.absent);
      return late ? undefined : found;
    },
    dir: join(environment.tilesDir, FOLDER),
    ...environment.map,
    clock: () => performance.now(),
    committed: ({ commitment }) => {
      size.set(commitment.treeSize);
      keys.set(commitment.keys);
      broken.set(0);
    },
    failed: (error) => {
      broken.set(1);
      logger.error({ err: error }, 'the verifiable index failed');
    },
  });
}
