/** An entry ready to be logged. */
export interface NewEntry {
  /** Canonical JSON: the leaf. */
  readonly body: Uint8Array;
  /** The signed payload, when the request carries it; the entry names its SHA-256. */
  readonly payload?: Uint8Array;
}
