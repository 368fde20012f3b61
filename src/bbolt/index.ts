export { checkOwnBbolt } from './compare.ts';
export { bboltLimits } from './format.ts';
export { BboltFile } from './reader.ts';
export { type BboltEntry, type BboltSummary, writeBbolt } from './writer.ts';
