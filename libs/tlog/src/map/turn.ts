/** Lets appends and requests have their turn. */
export function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
