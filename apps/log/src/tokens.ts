/** What Nest hands to the controllers. */
export const LOG = Symbol('log');
export const METRICS = Symbol('metrics');
export const WRITE_TOKEN = Symbol('write token');
export const SIGSTORE = Symbol('sigstore');
