// Public entry of delta/: what a zone has, and what it lacks of a snapshot.

export { digestOfList, encodeDigestList, readDigestList } from './delta/digest-list.ts';
export { DigestSet } from './delta/digest-set.ts';
