import { builtinModules } from 'node:module';
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { foldersTagged, rooms, root } from './infra/dev/rooms.mjs';

// Test code: specs, what specs share inside a room, and the whole test storey.
const specs = ['**/*.spec.ts', '**/*.fixture.ts', '**/testdata/**/*.ts', 'test/**/*.ts'];
const sources = (folders) => folders.map((folder) => `${folder}/**/*.ts`);

// Which floor may import which. The tags stand in each room's package.json.
const mayImport = {
  'floor:core': ['floor:core'],
  'floor:service': ['floor:core', 'floor:service'],
  'floor:adapter': ['floor:core', 'floor:adapter'],
  'floor:app': ['floor:core', 'floor:service', 'floor:adapter'],
  'floor:test': ['floor:core', 'floor:service', 'floor:adapter', 'floor:app', 'floor:test'],
};

// Nx refuses imports of apps whatever their tags; where `floor:app` is allowed its packages are named.
const apps = rooms()
  .filter((room) => room.tags.includes('floor:app'))
  .map((room) => room.name);

/** The boundary rule, with `more` tags that every floor of this block may import besides its own. */
function boundaries(more = []) {
  return {
    '@nx/enforce-module-boundaries': [
      'error',
      {
        allow: more.includes('floor:app') ? apps : [],
        banTransitiveDependencies: true,
        depConstraints: Object.entries(mayImport).map(([sourceTag, tags]) => ({
          sourceTag,
          onlyDependOnLibsWithTags: [...tags, ...more],
        })),
      },
    ],
  };
}

const nest = {
  group: ['@nestjs/*'],
  message:
    'NestJS is imported only by apps tagged "nest"; libs export plain classes and functions.',
};
const nodeBuiltins = {
  regex: `^(node:.*|(${builtinModules.filter((name) => !name.startsWith('_')).join('|')})(/.*)?)$`,
  message: 'The core floor runs in browsers too: no Node built-ins.',
};

export default defineConfig(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '**/coverage/**',
      '.nx/**',
      '.touchstone/**',
      'libs/store/src/generated/**',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { plugins: { '@nx': nx, '@typescript-eslint': tseslint.plugin } },

  {
    files: ['**/*.ts'],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.config.ts'] },
        tsconfigRootDir: root,
      },
    },
    rules: {
      ...boundaries(),
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'off', // noUncheckedIndexedAccess: an index that was just checked
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off', // an index signature names its key
      '@typescript-eslint/require-await': 'off', // an interface may ask for a promise that one side of it has at hand
      '@typescript-eslint/no-extraneous-class': 'off', // a Nest module is a class with nothing in it
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-param-reassign': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
    },
  },

  {
    files: sources(foldersTagged('nest', { not: true })),
    rules: { 'no-restricted-imports': ['error', { patterns: [nest] }] },
  },

  {
    files: sources(foldersTagged('floor:core')),
    ignores: specs,
    rules: {
      'no-restricted-imports': ['error', { patterns: [nest, nodeBuiltins] }],
      'no-restricted-globals': [
        'error',
        'Buffer',
        'process',
        'console',
        'performance',
        'global',
        'require',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time is an argument.' },
        { object: 'Math', property: 'random', message: 'Randomness is an argument.' },
        { object: 'crypto', property: 'getRandomValues', message: 'Randomness is an argument.' },
        { object: 'globalThis', property: 'process', message: 'The core floor knows no process.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'Time is an argument.',
        },
      ],
    },
  },

  // The CLI starts the other apps in `touchstone up`; nothing else may import an app.
  { files: ['apps/cli/**/*.ts'], rules: { ...boundaries(['floor:app']), 'no-console': 'off' } },

  {
    files: specs,
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
    },
  },
  { files: ['test/**/*.ts'], rules: boundaries(['floor:app']) },
  // Specs may use the test kit, whatever floor they stand on.
  {
    files: specs,
    ignores: ['apps/cli/**', 'test/**'],
    rules: boundaries(['floor:test']),
  },
  {
    files: specs.map((glob) => `apps/cli/${glob}`),
    rules: boundaries(['floor:app', 'floor:test']),
  },

  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [js.configs.recommended],
    rules: {
      eqeqeq: 'error',
      'no-undef': 'off',
      'prefer-const': 'error',
    },
  },
);
