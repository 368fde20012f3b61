export { type BboltCheck, type BboltCheckOptions, checkBbolt } from './check.ts';
export { checkOwnBbolt } from './compare.ts';
export type { BboltFault } from './damage.ts';
export { bboltLimits } from './format.ts';
export { entriesOfWhole } from './inline.ts';
export { type BboltBucket, type BboltCount, type BboltElement, BboltFile, type BboltStart } from './reader.ts';
export { type BboltEntry, type BboltSummary, writeBbolt } from './writer.ts';
