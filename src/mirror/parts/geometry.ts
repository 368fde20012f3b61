import { CodedError } from '#core';

/** How the tar of a kit is cut. */
export interface PartGeometry {
  /** Of the tar in each part but the last one. */
  readonly sliceBytes: number;
  readonly parts: number;
}

/** What comes beside a slice in the file of its part: headers, part.json, a signature, and room for longer ones. */
const OVERHEAD_BYTES = 8192;
const BLOCK = 512;
const maxParts = 9999;
/** In bytes: of a smaller part most would be overhead. */
const MIN_PART_BYTES = 65_536;

/**
 * The cut of a tar into parts whose files have at most `partBytes`.
 *
 * @returns undefined where these are too few, or the parts too many
 */
export function cutOf(tarBytes: number, partBytes: number): PartGeometry | undefined {
  if (partBytes < MIN_PART_BYTES) return undefined;
  const sliceBytes = Math.floor((partBytes - OVERHEAD_BYTES) / BLOCK) * BLOCK;
  const parts = Math.ceil(tarBytes / sliceBytes);
  return parts > maxParts ? undefined : { sliceBytes, parts };
}

/** How many parts a tar gives whose files have at most `partBytes`; undefined where it cannot be cut so. */
export function partCount(tarBytes: number, partBytes: number): number | undefined {
  return cutOf(tarBytes, partBytes)?.parts;
}

/** As cutOf for a size that a user chose. @throws CodedError ERR_EXPORT_USAGE */
export function requireCut(tarBytes: number, partBytes: number): PartGeometry {
  const cut = cutOf(tarBytes, partBytes);
  if (cut !== undefined) return cut;
  const least = Math.max(MIN_PART_BYTES, Math.ceil(tarBytes / maxParts) + OVERHEAD_BYTES + BLOCK);
  throw new CodedError('ERR_EXPORT_USAGE', `--part-size ${partBytes}: too small for a kit of ${tarBytes} bytes`, {
    hint: `specify at least ${least} bytes; a kit has at most ${maxParts} parts of at least ${MIN_PART_BYTES} bytes`,
  });
}

/** Where the slice of a part lies in the tar. */
export function sliceOf(
  { sliceBytes }: PartGeometry,
  tarBytes: number,
  part: number,
): { readonly offset: number; readonly sizeBytes: number } {
  const offset = (part - 1) * sliceBytes;
  return { offset, sizeBytes: Math.min(sliceBytes, tarBytes - offset) };
}
