/** What the map has at one place of its tree. */
export interface MapNode {
  readonly hash: Uint8Array;
  /** Of a branch the number of its left child, the right one being the next; of a bucket where it
   * stands in the file of buckets, in units of 16 bytes. */
  readonly place: number;
  /** `BRANCH`, or the bytes of the bucket; 0 for a bucket without keys, which is in no file. */
  readonly length: number;
}

/** Stands where a bucket has its length. */
export const BRANCH = 0xffff_ffff;
