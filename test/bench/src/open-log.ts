import { nodeVerifier, privateKeyFromPem } from '@touchstone/keys';
import { noteSigner } from '@touchstone/note';
import { PosixStorage, Tlog, lockFolder } from '@touchstone/tlog';
import { round } from './bench.js';
import { ORIGIN } from './large-tree.js';

/** Opens the log in a folder, appends to it, and tells what that took: `open-log.js FOLDER`. */
const [dir = ''] = process.argv.slice(2);
const signer = noteSigner(ORIGIN, privateKeyFromPem(process.env['LOG_KEY'] ?? ''));
const began = performance.now();
const lock = await lockFolder(dir);
const storage = new PosixStorage(dir);
const tlog = await Tlog.open({ storage, signer, lock, verify: nodeVerifier });
const openMs = performance.now() - began;
const { published } = await tlog.append(new Uint8Array(1));
const { size } = await published;
await tlog.close();
const residentMB = Math.round(process.memoryUsage.rss() / 1e6);
process.stdout.write(JSON.stringify({ size, openMs: round(openMs), residentMB }));
