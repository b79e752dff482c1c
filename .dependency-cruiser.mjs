import { foldersTagged } from './infra/dev/rooms.mjs';

const core = foldersTagged('floor:core').join('|');
const testCode = ['\\.(spec|fixture)\\.ts$', '/testdata/'];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle means that two files are one. Move what both need into a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that resolves to nothing breaks at run time.',
      severity: 'error',
      from: {},
      // The shim names files of types that it does not have.
      to: { couldNotResolve: true, pathNot: ['^(bun|deno)', '/preview2-shim/instantiation$'] },
    },
    {
      name: 'no-deep-import',
      comment: 'A room is entered through its src/index.ts alone.',
      severity: 'error',
      from: { path: '^(libs|apps|test)/([^/]+)/' },
      to: {
        path: '^(libs|apps|test)/[^/]+/src/',
        pathNot: ['^$1/$2/', '^[^/]+/[^/]+/src/index\\.ts$'],
      },
    },
    {
      name: 'no-compiled-code',
      comment: 'Sources import sources; dist is what they become.',
      severity: 'error',
      from: { pathNot: '/dist/' },
      to: { path: '^(libs|apps|test)/[^/]+/dist/' },
    },
    {
      name: 'no-test-code',
      comment: 'What ships imports no test code.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: testCode },
      to: { path: [...testCode, '^test/'] },
    },
    {
      name: 'core-is-pure',
      comment:
        'The core floor runs in browsers too: no Node built-ins, whoever imports them for it.',
      severity: 'error',
      from: { path: `^(${core})/src/`, pathNot: testCode },
      to: { dependencyTypes: ['core'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    // The drivers run inside a toolchain root, where their imports lie; what components import is
    // given by others.
    exclude: {
      path: ['^libs/store/src/generated/', '^libs/rebuild/drivers/', '^test/kit/orders/', '/dist/'],
    },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@touchstone/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
