// `compose PLAN -o OUT`: composes the components beside the plan, `components/<sha256>.wasm`.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compose, parsePlan } from '@touchstone/compose';

const sha256 = (data) => createHash('sha256').update(data).digest();

export function run(command, args) {
  const [file, flag, output, ...rest] = args;
  if (command !== 'compose' || flag !== '-o' || output === undefined || rest.length > 0) {
    process.stderr.write('usage: compose PLAN -o OUT\n');
    return Promise.resolve(2);
  }
  try {
    const plan = parsePlan(JSON.parse(readFileSync(file, 'utf8')));
    const folder = join(dirname(file), 'components');
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    const components = new Map(files.map((bytes) => [sha256(bytes).toString('hex'), bytes]));
    writeFileSync(output, compose(plan, components, { sha256 }).bytes);
    return Promise.resolve(0);
  } catch (error) {
    process.stderr.write(`${error.code ?? 'failed'}: ${error.message}\n`);
    return Promise.resolve(1);
  }
}
