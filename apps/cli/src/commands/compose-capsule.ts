import type { Command } from 'commander';
import type { Context } from '../context.js';
import { registerCapsulePack } from './compose-capsule-pack.js';
import { registerCapsuleVerify } from './compose-capsule-verify.js';

export function registerCapsule(compose: Command, context: Context): void {
  const capsule = compose
    .command('capsule')
    .description('one file with a composed binary and all that proves what is in it')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone compose capsule verify app.capsule --trust-root trust-root.json',
    );
  registerCapsulePack(capsule, context);
  registerCapsuleVerify(capsule, context);
}
