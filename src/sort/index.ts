export { readItems, type SortedItem } from './items.ts';
export { decodeKey, encodeKey } from './keys.ts';
export type { SortedCursor } from './run.ts';
export { Sorter, type SorterLimits } from './sorter.ts';
