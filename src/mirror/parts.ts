// Public entry of parts/: a kit in parts of a fixed size, written and read where they lie.

export { partCount } from './parts/geometry.ts';
export { type CheckOptions, namingDamaged, type OpenParts, openParts } from './parts/open.ts';
export { type PartsReport, writeParts } from './parts/write.ts';
