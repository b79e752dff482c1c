// clang, wasm-ld and the other LLVM tools of @yowasp/clang. They run over a virtual file system:
// its root is the working directory, so paths in arguments are relative to that (or begin with a
// slash that means it). Files of the working directory are read once; after each invocation what
// the tool wrote is written back.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commands, Exit } from '../node_modules/@yowasp/clang/gen/bundle.js';

// The tools bring these folders themselves; what the workspace has under the same name is not seen.
const OWN_FOLDERS = ['usr', 'tmp'];

let tree = readFolder('.');

function readFolder(folder) {
  const files = {};
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (folder === '.' && OWN_FOLDERS.includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files[entry.name] = readFolder(path);
    else if (entry.isFile()) files[entry.name] = new Uint8Array(readFileSync(path));
  }
  return files;
}

// The runtime replaces a file's bytes when it writes, so another array means another content.
function writeBack(before, after, folder) {
  for (const name of Object.keys(before))
    if (!(name in after)) rmSync(join(folder, name), { recursive: true, force: true });
  for (const [name, content] of Object.entries(after)) {
    const path = join(folder, name);
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    if (content instanceof Uint8Array) {
      if (content === old) continue;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    } else {
      mkdirSync(path, { recursive: true });
      writeBack(old instanceof Uint8Array ? {} : (old ?? {}), content, path);
    }
  }
}

const print = (stream) => (bytes) => {
  if (bytes !== null) stream.write(Buffer.from(bytes));
};

export async function run(command, args) {
  if (!Object.hasOwn(commands, command)) {
    process.stderr.write(`${command} is not a command of this toolchain\n`);
    return 127;
  }
  const options = {
    decodeASCII: false,
    stdout: print(process.stdout),
    stderr: print(process.stderr),
    fetchProgress: () => {},
  };
  try {
    const after = await commands[command](args, tree, options);
    for (const name of OWN_FOLDERS) delete after[name];
    writeBack(tree, after, '.');
    tree = after;
    return 0;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    throw error;
  }
}
