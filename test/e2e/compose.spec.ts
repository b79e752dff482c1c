import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks: readonly string[];
  readonly ports?: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly healthcheck?: unknown;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const text = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const source = await text('infra/compose.yaml');
const compose = parse(source, { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.image.includes('TOUCHSTONE_IMAGE'));

describe('infra/compose.yaml', () => {
  it('has the database, the queue, the log, the coordinator and two workers', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      ['coordinator', 'log', 'postgres', 'valkey', 'worker-a', 'worker-b'].sort(),
    );
  });

  it.each(services)('%s uses only what the file declares', (_, service) => {
    for (const network of service.networks) expect(compose.networks).toHaveProperty(network);
    for (const secret of service.secrets ?? []) expect(compose.secrets).toHaveProperty([secret]);
    for (const volume of service.volumes ?? []) {
      expect(compose.volumes).toHaveProperty(volume.split(':')[0]!);
    }
    expect(service.network_mode).toBeUndefined();
    expect(service.privileged).toBeUndefined();
    expect(service.healthcheck ?? service.image).toBeDefined();
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(ours)('%s runs without rights on a read-only file system', (_, service) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
  });

  it.each(ours)('%s is told only what its app reads', async (_, service) => {
    const reads = await text(`apps/${service.command?.[0] ?? ''}/src/environment.ts`);
    for (const name of Object.keys(service.environment ?? {})) {
      const secret = name.replace(/_FILE$/, '');
      expect(reads, name).toMatch(new RegExp(`\\b(?:${name}|${secret})\\b`));
    }
  });

  it.each(ours)('%s gets its secrets as files that are mounted for it', (_, service) => {
    const mounted = (service.secrets ?? []).map((name) => `/run/secrets/${name}`);
    const named = Object.values(service.environment ?? {}).filter((value) =>
      value.startsWith('/run/secrets/'),
    );
    expect(named.sort()).toEqual(mounted.sort());
  });

  it('asks for nothing that .env.example does not explain', async () => {
    const asked = [...source.matchAll(/\$\{([A-Z_]+)/g)].map((match) => match[1]!);
    const explained = [...(await text('infra/.env.example')).matchAll(/^([A-Z_]+)=/gm)];
    expect(explained.map((match) => match[1]!).sort()).toEqual([...new Set(asked)].sort());
  });
});
