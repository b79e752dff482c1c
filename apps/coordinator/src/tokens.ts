/** What controllers are handed, by name: Nest cannot tell by type without emitted metadata. */
export const DATABASE = Symbol('database');
export const POLICY = Symbol('policy');
export const CLOCK = Symbol('clock');
export const LEASE_DESK = Symbol('lease desk');
export const LOG_KEYS = Symbol('log keys');
export const EVIDENCE = Symbol('evidence');
/** Called when there is something new in the outbox. */
export const RELAY = Symbol('relay');
/** Aborts when the process is about to stop. */
export const STOPPING = Symbol('stopping');
export const METRICS = Symbol('metrics');
/** Takes the acknowledgement of a site. */
export const ACKNOWLEDGEMENTS = Symbol('acknowledgements');
export const READINESS = Symbol('readiness');
