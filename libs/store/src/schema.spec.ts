import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded.js';
import { migrate } from './migrate.js';

const MIGRATIONS = [
  ...['0001_spine', '0002_log_index', '0003_rebuild_ends', '0004_lives'],
  ...['0005_sites', '0006_leaf_times'],
];

let dir: string;
let postgres: EmbeddedPostgres;
let client: pg.Client;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-schema-'));
  postgres = await startEmbeddedPostgres({ dir, settings: { fsync: 'off' } });
  client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  // A database takes its time to begin where others work too.
}, 60_000);

afterAll(async () => {
  await client.end();
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('migrate', () => {
  it('lets one of several callers at once apply each migration, and records it as Prisma does', async () => {
    const applied = await Promise.all([1, 2, 3].map(() => migrate(postgres.url)));
    expect(applied.flat()).toEqual(MIGRATIONS);
    const { rows } = await client.query(
      'SELECT migration_name, finished_at, rolled_back_at, applied_steps_count, checksum FROM _prisma_migrations',
    );
    const recorded = (name: string): object => ({
      migration_name: name,
      finished_at: expect.any(Date) as Date,
      rolled_back_at: null,
      applied_steps_count: 1,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(rows).toEqual(MIGRATIONS.map(recorded));
  });

  it('refuses a migration that was changed after it was applied', async () => {
    const changed = await migrations({ '0001_spine': 'SELECT 1;' });
    await expect(migrate(postgres.url, changed)).rejects.toMatchObject({
      code: 'migration-changed',
    });
  });

  it('refuses a database that is ahead of the program', async () => {
    await expect(migrate(postgres.url, await migrations({}))).rejects.toMatchObject({
      code: 'migration-unknown',
    });
  });

  it('leaves neither table nor record of a migration that fails midway', async () => {
    await client.query('CREATE DATABASE broken');
    const url = postgres.url.replace(/touchstone$/, 'broken');
    const broken = await migrations({
      '0001_good': 'CREATE TABLE good ();',
      '0002_bad': 'CREATE TABLE bad (); CREATE TABLE good ();',
    });
    await expect(migrate(url, broken)).rejects.toMatchObject({ code: 'migration-failed' });
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    const tables = await other.query(`SELECT to_regclass('good') g, to_regclass('bad') b`);
    const records = await other.query('SELECT migration_name FROM _prisma_migrations');
    await other.end();
    expect(tables.rows).toEqual([{ g: 'good', b: null }]);
    expect(records.rows).toEqual([{ migration_name: '0001_good' }]);
  });
});

describe('the migrated database', () => {
  it('has the columns of schema.prisma: name, type, nullability, default', async () => {
    const { rows } = await client.query<{ row: string }>(`
      SELECT format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                    CASE WHEN a.attnotnull THEN '' ELSE ' null' END,
                    coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) AS row
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
       WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
         AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> '_prisma_migrations'`);
    const { columns } = await schema();
    expect(rows.map(({ row }) => row).sort()).toEqual(columns.sort());
  });

  it('has the keys and indexes of schema.prisma, named as Prisma names them', async () => {
    const { rows } = await client.query<{ row: string }>(`
      SELECT format('%s on %s (%s)%s', i.relname, t.relname,
                    (SELECT string_agg(a.attname, ', ' ORDER BY k.n)
                       FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, n)
                       JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum),
                    CASE WHEN x.indisunique THEN ' unique' ELSE '' END) AS row
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
       WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> '_prisma_migrations'`);
    const { indexes } = await schema();
    expect(rows.map(({ row }) => row).sort()).toEqual(indexes.sort());
  });

  it('has the foreign keys and enums of schema.prisma', async () => {
    const keys = await client.query<{ row: string }>(`
      SELECT format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) AS row
        FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`);
    const enums = await client.query<{ row: string }>(`
      SELECT format('%s: %s', t.typname, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder)) AS row
        FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid
       WHERE t.typnamespace = 'public'::regnamespace GROUP BY t.typname`);
    const expected = await schema();
    expect(keys.rows.map(({ row }) => row).sort()).toEqual(expected.foreignKeys.sort());
    expect(enums.rows.map(({ row }) => row).sort()).toEqual(expected.enums.sort());
  });
});

async function migrations(files: Record<string, string>): Promise<string> {
  const at = await mkdtemp(join(dir, 'migrations-'));
  for (const [name, sql] of Object.entries(files)) {
    await mkdir(join(at, name));
    await writeFile(join(at, name, 'migration.sql'), sql);
  }
  return at;
}

const TYPES: Record<string, string> = {
  String: 'text',
  BigInt: 'bigint',
  Int: 'integer',
  Bytes: 'bytea',
  'DateTime @db.Timestamptz(3)': 'timestamp(3) with time zone',
  'String @db.Uuid': 'uuid',
};

interface Field {
  readonly model: string;
  readonly name: string;
  readonly column: string;
  readonly type: string;
  readonly optional: boolean;
  readonly attributes: string;
}

/** What the Prisma CLI would make of schema.prisma, in the words of the queries above. */
async function schema() {
  const file = fileURLToPath(new URL('../../../prisma/schema.prisma', import.meta.url));
  const text = (await readFile(file, 'utf8')).replace(/^\s*\/\/.*$/gm, '');
  const blocks = [...text.matchAll(/^(model|enum) (\w+) \{\n([^}]*)^\}/gm)];
  const mapOf = (body: string): string => /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '';
  const enumNames = new Map(
    blocks
      .filter(([, kind]) => kind === 'enum')
      .map(([, , name = '', body = '']) => [name, mapOf(body)]),
  );
  const models = new Map(
    blocks.filter(([, kind]) => kind === 'model').map(([, , name = '', body = '']) => [name, body]),
  );
  const fields = [...models].flatMap(([model, body]) => readFields(model, body));
  const tableOf = (model: string): string => mapOf(models.get(model) ?? '');
  const columnOf = (model: string, name: string): string =>
    fields.find((field) => field.model === model && field.name === name)?.column ?? name;

  const scalar = fields.filter(({ type }) => !models.has(type));
  const indexes = [
    ...scalar.flatMap(({ model, column, attributes }) => [
      ...(/@id\b/.test(attributes)
        ? [`${tableOf(model)}_pkey on ${tableOf(model)} (${column}) unique`]
        : []),
      ...(/@unique\b/.test(attributes)
        ? [`${tableOf(model)}_${column}_key on ${tableOf(model)} (${column}) unique`]
        : []),
    ]),
    ...[...models].flatMap(([model, body]) =>
      [...body.matchAll(/@@(id|unique|index)\(\[([^\]]+)\]/g)].map(([, kind = '', list = '']) => {
        const columns = list.split(',').map((name) => columnOf(model, name.trim()));
        const table = tableOf(model);
        const suffix = { id: '', unique: '_key', index: '_idx' }[kind] ?? '';
        const name = kind === 'id' ? `${table}_pkey` : `${table}_${columns.join('_')}${suffix}`;
        return `${name} on ${table} (${columns.join(', ')})${kind === 'index' ? '' : ' unique'}`;
      }),
    ),
  ];
  return {
    columns: scalar.map((field) => columnText(field, tableOf(field.model), enumNames)),
    indexes,
    foreignKeys: fields.flatMap(({ model, type, attributes }) => {
      const match = /@relation\(fields: \[(\w+)\], references: \[(\w+)\], onDelete: (\w+)/.exec(
        attributes,
      );
      if (match === null) return [];
      const [, from = '', to = '', onDelete = ''] = match;
      const key = `FOREIGN KEY (${columnOf(model, from)}) REFERENCES ${tableOf(type)}(${columnOf(type, to)})`;
      return [`${tableOf(model)}: ${key} ON UPDATE CASCADE ON DELETE ${onDelete.toUpperCase()}`];
    }),
    enums: blocks
      .filter(([, kind]) => kind === 'enum')
      .map(([, , , body = '']) => {
        const labels = body
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => /^\w+$/.test(line));
        return `${mapOf(body)}: ${labels.join(' ')}`;
      }),
  };
}

function readFields(model: string, body: string): Field[] {
  return [...body.matchAll(/^ {2}(\w+)\s+(\w+)(\?|\[\])?[ \t]*(.*)$/gm)]
    .filter(([, , , suffix]) => suffix !== '[]')
    .map(([, name = '', type = '', suffix, attributes = '']) => ({
      model,
      name,
      type,
      optional: suffix === '?',
      attributes,
      column: /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? name,
    }));
}

function columnText(field: Field, table: string, enums: ReadonlyMap<string, string>): string {
  const native = /@db\.\S+/.exec(field.attributes)?.[0];
  const type = enums.get(field.type) ?? TYPES[native ? `${field.type} ${native}` : field.type];
  const given = /@default\((\w+)(\(\))?\)/.exec(field.attributes);
  const value =
    given === null
      ? ''
      : given[1] === 'autoincrement'
        ? ` default nextval('${table}_${field.column}_seq'::regclass)`
        : enums.has(field.type)
          ? ` default '${given[1]}'::${type}`
          : ` default ${given[1]}`;
  return `${table}.${field.column} ${type}${field.optional ? ' null' : ''}${value}`;
}
