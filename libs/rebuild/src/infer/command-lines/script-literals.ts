import { shellCommands, type ShellCommand } from './shell-commands.js';

const MAX_TEXT = 256 * 1024;
const MAX_LITERALS = 512;
const PROGRAM = String.raw`(?:[\w./-]*\/)?(?:wasm32-wasi-)?(?:clang(?:\+\+)?|emcc|em\+\+|wasm-ld|asc|cargo|tinygo|go|wasm-opt|wat2wasm)(?:-\d+)?`;

/**
 * Command lines that stand as literals in a build script of JavaScript: text that a shell is
 * given, and a program with a list of arguments. Constants of the same file are filled in.
 */
export function scriptCommands(text: string): ShellCommand[] {
  if (text.length > MAX_TEXT) return [];
  const constants = constantsOf(text);
  return [...callsWithLists(text, constants), ...shellTexts(text, constants)];
}

/** `execSync('clang …')`, `` `${WASM_CC} … `: any literal whose first word is a compiler. */
function shellTexts(text: string, constants: Readonly<Record<string, string>>): ShellCommand[] {
  const commands: ShellCommand[] = [];
  const literal =
    /'((?:[^'\\\n]|\\.){3,8000})'|"((?:[^"\\\n]|\\.){3,8000})"|`((?:[^`\\]|\\.){3,8000})`/gs;
  const program = new RegExp(String.raw`(?:^|&&|;)\s*(?:[A-Z_]+=\S*\s+)*${PROGRAM}\s`, 'm');
  let seen = 0;
  for (const match of text.matchAll(literal)) {
    if ((seen += 1) > MAX_LITERALS) break;
    const raw = match[1] ?? match[2] ?? match[3] ?? '';
    const filled = fill(raw.replaceAll('\\\n', ' ').replaceAll(/\\(['"`])/g, '$1'), constants);
    // A template holds its line breaks for the reader's sake.
    const line = onOneLine(filled);
    if (program.test(line)) commands.push(...shellCommands(line));
  }
  return commands;
}

/** `spawnSync('clang', ['-O3', …])`, `execFile("emcc", [...])`. */
function callsWithLists(text: string, constants: Readonly<Record<string, string>>): ShellCommand[] {
  const call = new RegExp(String.raw`\(\s*(['"\`])(${PROGRAM})\1\s*,\s*\[([^\]]{0,8000})\]`, 'g');
  const commands: ShellCommand[] = [];
  for (const [, , program = '', list = ''] of text.matchAll(call)) {
    if (commands.length >= MAX_LITERALS) break;
    const words = [...list.matchAll(/(['"`])((?:(?!\1)[^\\]|\\.)*)\1|\b([A-Za-z_$][\w$]*)\b/g)].map(
      ([, , value, name = '']) => fill(value ?? constants[name] ?? '', constants),
    );
    commands.push({
      words: [program, ...words.filter((word) => word !== '')],
      variables: {},
      folder: '',
    });
  }
  return commands;
}

/** `const FLAGS = '-O3 …'`, also `process.env.FLAGS || '-O3'`. */
function constantsOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  const declared =
    /\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=\s*(?:process\.env[\w.[\]'"]*\s*(?:\|\||\?\?)\s*)?(['"`])((?:(?!\2)[^\\]|\\.){0,8000})\2/gs;
  for (const [, name = '', , value = ''] of text.matchAll(declared)) {
    if (Object.keys(found).length >= MAX_LITERALS) break;
    found[name] = fill(onOneLine(value), found);
  }
  return found;
}

function fill(text: string, constants: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{\s*([A-Za-z_$][\w$]*)\s*\}/g, (whole, name: string) =>
    (Object.hasOwn(constants, name) ? (constants[name] ?? whole) : whole).slice(0, 16_384),
  );
}

function onOneLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim();
}
