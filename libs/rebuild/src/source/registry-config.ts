import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RebuildError, systemCode } from '../errors.js';

/**
 * Which registries this machine's npm would ask, and which certificate authorities it trusts:
 * npm's own configuration, so that an operator says it once.
 * Order of precedence as npm has it: environment, project, user, global.
 */
export interface RegistryConfig {
  /** Base URL, with a trailing slash. */
  readonly registry: string;
  /** By scope, the `@` included. */
  readonly scopes: ReadonlyMap<string, string>;
  /** PEM; replaces the built-in authorities, as npm's `cafile` does. */
  readonly ca?: string;
  /** URL of the proxy that HTTPS requests go through. */
  readonly proxy?: string;
  /** Hosts, or suffixes that begin with a dot, that are asked directly. */
  readonly noProxy: readonly string[];
}

export interface RegistryConfigInput {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly folder: string;
  /** Of the running Node: npm's global configuration lies beside it. */
  readonly execPath: string;
}

const PUBLIC_REGISTRY = 'https://registry.npmjs.org/';

export async function readRegistryConfig(input: RegistryConfigInput): Promise<RegistryConfig> {
  const fromEnvironment = environmentSettings(input.environment);
  const prefix = fromEnvironment.get('prefix') ?? dirname(dirname(input.execPath));
  const files = [
    fromEnvironment.get('globalconfig') ?? join(prefix, 'etc', 'npmrc'),
    fromEnvironment.get('userconfig') ?? join(input.home, '.npmrc'),
    join(input.folder, '.npmrc'),
  ];
  const settings = new Map<string, string>();
  for (const file of files) {
    const found = await readSettings(file, input.environment);
    for (const [key, value] of found) settings.set(key, value);
  }
  for (const [key, value] of fromEnvironment) settings.set(key, value);
  return fromSettings(settings, input);
}

async function fromSettings(
  settings: ReadonlyMap<string, string>,
  input: RegistryConfigInput,
): Promise<RegistryConfig> {
  const scopes = new Map<string, string>();
  for (const [key, value] of settings) {
    const scope = /^(@[a-z0-9~-][a-z0-9._~-]*):registry$/.exec(key)?.[1];
    if (scope !== undefined) scopes.set(scope, baseUrl(key, value));
  }
  const { environment } = input;
  const proxy = [
    settings.get('https-proxy'),
    settings.get('proxy'),
    environment['HTTPS_PROXY'],
    environment['https_proxy'],
  ].find((value) => value !== undefined && value !== '' && value !== 'null' && value !== 'false');
  const noProxy = settings.get('noproxy') ?? environment['NO_PROXY'] ?? environment['no_proxy'];
  const cafile = settings.get('cafile');
  return {
    registry: baseUrl('registry', settings.get('registry') ?? PUBLIC_REGISTRY),
    scopes,
    ...(cafile === undefined || cafile === '' || cafile === 'null'
      ? {}
      : { ca: await readAuthorities(resolve(input.folder, cafile)) }),
    ...(proxy === undefined ? {} : { proxy }),
    noProxy: (noProxy ?? '')
      .split(/[\s,]+/)
      .filter((host) => host !== '')
      .map((host) => host.toLowerCase()),
  };
}

/** The registry that serves this package. */
export function registryOf(config: RegistryConfig, packageName: string): string {
  const scope = packageName.startsWith('@') ? packageName.split('/')[0] : undefined;
  return (scope === undefined ? undefined : config.scopes.get(scope)) ?? config.registry;
}

/** The only origins that anything is fetched from. */
export function allowedOrigins(config: RegistryConfig): ReadonlySet<string> {
  return new Set(
    [config.registry, ...config.scopes.values()].map((registry) => new URL(registry).origin),
  );
}

function environmentSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    const key = /^npm_config_(.+)$/i.exec(name)?.[1];
    if (key === undefined || value === undefined || value === '') continue;
    // npm writes dashes as underscores in variable names, but not in a scope.
    settings.set(key.startsWith('@') ? key : key.toLowerCase().replaceAll('_', '-'), value);
  }
  return settings;
}

async function readSettings(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Map<string, string>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return new Map();
    throw error;
  }
  const settings = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^;#=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, key = '', raw = ''] = match;
    const value = raw
      .replace(/^(["'])(.*)\1$/, '$2')
      .replace(
        /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g,
        (whole, name: string) => environment[name] ?? whole,
      );
    settings.set(key, value);
  }
  return settings;
}

function baseUrl(key: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new RebuildError(
      'registry-config',
      `npm's configuration has ${key}=${value}, which is no http or https URL`,
    );
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

async function readAuthorities(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new RebuildError('registry-config', `npm's cafile ${file} cannot be read`, {
      cause: error,
    });
  }
}
