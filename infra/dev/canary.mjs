// Proves that the rules bite. Each row puts code that must not pass in the place of a real file and
// asks ESLint, with the workspace's own configuration, for the rule that has to refuse it. Without
// a cached project graph the boundary rule of Nx is silent and ESLint exits 0: this is what tells.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { root, rooms } from './rooms.mjs';
import { ask, main, red, say, SetupError } from './terminal.mjs';

const boundary = '@nx/enforce-module-boundaries';
const core = 'libs/merkle/src/index.ts';
const adapter = 'libs/keys/src/index.ts';
const service = 'libs/tlog/src/index.ts';
const worker = 'apps/worker/src/index.ts';
const log = 'apps/log/src/index.ts';
const cli = 'apps/cli/src/index.ts';

const use = (specifier) => `import * as canary from '${specifier}';\nexport const used = canary;\n`;

/** [what, file whose place the code takes, code, the rule that must refuse it] */
const refused = [
  ['core imports node:fs', core, use('node:fs'), 'no-restricted-imports'],
  ['core imports fs', core, use('fs'), 'no-restricted-imports'],
  ['core imports fs/promises', core, use('fs/promises'), 'no-restricted-imports'],
  ['core uses process', core, 'export const used = process;\n', 'no-restricted-globals'],
  ['core uses Buffer', core, 'export const used = Buffer.alloc(1);\n', 'no-restricted-globals'],
  ['core reads the clock', core, 'export const now = Date.now();\n', 'no-restricted-properties'],
  ['core makes a Date', core, 'export const now = new Date();\n', 'no-restricted-syntax'],
  ['core draws lots', core, 'export const dice = Math.random();\n', 'no-restricted-properties'],
  ['core imports an adapter', core, use('@touchstone/keys'), boundary],
  ['core imports a service', core, use('@touchstone/tlog'), boundary],
  ['adapter imports a service', adapter, use('@touchstone/tlog'), boundary],
  ['service imports an adapter', service, use('@touchstone/store'), boundary],
  ['lib imports an app', service, use('@touchstone/log'), boundary],
  ['app imports another app', worker, use('@touchstone/log'), boundary],
  ['source imports the test kit', service, use('@touchstone/kit'), boundary],
  ['relative path into another room', core, use('../../note/src/index.js'), boundary],
  ['package that is not declared', core, use('fastify'), boundary],
  ['lib imports NestJS', adapter, use('@nestjs/common'), 'no-restricted-imports'],
  ['core imports NestJS', core, use('@nestjs/common'), 'no-restricted-imports'],
  ['app without the nest tag imports NestJS', worker, use('@nestjs/core'), 'no-restricted-imports'],
  [
    'promise that nobody awaits',
    adapter,
    'Promise.resolve(1);\n',
    '@typescript-eslint/no-floating-promises',
  ],
  ['any', adapter, 'export let x: any;\n', '@typescript-eslint/no-explicit-any'],
  ['unused name', adapter, 'const x = 1;\n', '@typescript-eslint/no-unused-vars'],
  [
    'file that is too long',
    adapter,
    'export {};\n'.concat(...Array.from({ length: 301 }, (_, n) => `export const x${n} = ${n};\n`)),
    'max-lines',
  ],
];

/** What must pass, so that a rule that refuses everything does not look like one that works. */
const allowed = [
  ['core imports core', 'libs/attest/src/index.ts', use('@touchstone/note')],
  ['adapter imports core', adapter, use('@touchstone/note')],
  ['adapter imports node:fs', adapter, use('node:fs')],
  ['service imports core', service, use('@touchstone/merkle')],
  ['app imports a service', log, use('@touchstone/tlog')],
  ['app with the nest tag imports NestJS', log, use('@nestjs/common')],
  ['the CLI imports an app', cli, use('@touchstone/log')],
];

/** Nx writes the project graph that the boundary rule reads, and names the projects that it lints. */
function uncoveredRooms() {
  const args = [
    join(root, 'node_modules/.bin/nx'),
    'show',
    'projects',
    '--json',
    '--withTarget=lint',
  ];
  const { code, stdout, output } = ask(process.execPath, args, { env: { NX_DAEMON: 'false' } });
  if (code !== 0) throw new SetupError('nx-failed', `nx could not read the workspace: ${output}`);
  const linted = JSON.parse(stdout.slice(stdout.indexOf('[')));
  return [{ name: 'touchstone' }, ...rooms()].filter(({ name }) => !linted.includes(name));
}

/** @returns {Promise<string[]>} one line for each row that did not come out as it must */
export async function canary() {
  const failures = uncoveredRooms().map(({ name }) => `${name} has no lint target`);
  const eslint = new ESLint({ cwd: root });
  const rulesThatSpoke = async (file, code) => {
    if (!existsSync(join(root, file))) return undefined;
    const [result] = await eslint.lintText(code, { filePath: join(root, file) });
    return result.messages.map(({ ruleId, message }) => ruleId ?? message);
  };
  for (const [what, file, code, rule] of refused) {
    const spoke = await rulesThatSpoke(file, code);
    if (!spoke) failures.push(`${what}: there is no ${file} any more; name another file`);
    else if (!spoke.includes(rule)) failures.push(`${what}: ${rule} let it pass in ${file}`);
  }
  for (const [what, file, code] of allowed) {
    const spoke = await rulesThatSpoke(file, code);
    const wrong = spoke?.filter((rule) => rule === boundary || rule.startsWith('no-restricted'));
    if (!spoke) failures.push(`${what}: there is no ${file} any more; name another file`);
    else if (wrong.length > 0) failures.push(`${what}: ${wrong.join(', ')} refused it in ${file}`);
  }
  return failures;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const failures = await canary();
    for (const failure of failures) say(red(`  ${failure}`));
    say(
      `canary: ${refused.length} kinds of forbidden code, ${failures.length} not as they must be`,
    );
    return failures.length === 0 ? 0 : 1;
  });
}
