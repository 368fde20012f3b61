// Public entry of delta/: what a zone has, and what it lacks of a snapshot.

export type { Base, BaseContext, BaseRequest } from './delta/base.ts';
export { baseFormsText, parseBase } from './delta/bases.ts';
export { type Delta, deltaOf, type TagChanges } from './delta/delta-of.ts';
export { digestOfList, encodeDigestList, readDigestList } from './delta/digest-list.ts';
export { DigestSet } from './delta/digest-set.ts';
export { listBase } from './delta/list-base.ts';
export { refuseMistakenBase } from './delta/mistaken-base.ts';
export { findHolders } from './delta/presence.ts';
export { receiptBase, zoneBase } from './delta/receipt-base.ts';
export { registryForm } from './delta/registry-base.ts';
export { snapshotBase } from './delta/snapshot-base.ts';
