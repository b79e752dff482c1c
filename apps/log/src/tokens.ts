/** What Nest hands to the controllers. */
export const LOG = Symbol('log');
export const METRICS = Symbol('metrics');
export const SIGSTORE = Symbol('sigstore');
export const ATTESTATIONS = Symbol('attestations');
export const SWEEP = Symbol('sweep');
export const SCRUB = Symbol('scrub');
export const WRITERS = Symbol('writers');
export const WRITE_DESK = Symbol('write desk');
export const V1_LOG = Symbol('v1 log');
export const LOG_MAP = Symbol('log map');
export const EXPORT_DESK = Symbol('export desk');
export const LIFE_DESK = Symbol('life desk');
export const COURIER_DESK = Symbol('courier desk');
export const ADMIN_TOKEN = Symbol('admin token');
