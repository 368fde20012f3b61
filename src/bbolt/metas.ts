import { damaged } from './damage.ts';
import { DecodeError, decodeMeta, type Meta } from './decode.ts';
import { META, pageSizes } from './format.ts';
import type { FileWindows } from './windows.ts';

/** bbolt looks for a second meta at these positions: 1 KiB, 2 KiB, … 16 MiB. */
const PROBES = Array.from({ length: 15 }, (_, i) => 1024 << i);

/** So many that a bit for each takes 256 MiB. */
const MAX_PAGES = 2 ** 31;

/**
 * Of the two metas the valid one, of two valid ones the later: the choice that bbolt makes. The page size stands in the
 * metas themselves, so that the second one has to be looked for where the first is invalid.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for no bbolt file, and for a page size that is not read
 */
export async function readMeta(file: FileWindows, path: string): Promise<Meta> {
  if (file.sizeBytes < 2 * pageSizes.smallest)
    throw damaged(path, `${file.sizeBytes} bytes are too few for a bbolt file`);
  const first = await metaAt(file, path, 0);
  const { pageSize } = first ?? (await probe(file, path));
  if (!isPageSize(pageSize)) {
    const expected = `expected a power of two from ${pageSizes.smallest} to ${pageSizes.largest}`;
    throw damaged(path, `unsupported page size of ${pageSize} bytes, ${expected}`);
  }
  const second = await metaAt(file, path, pageSize);
  const later = second !== undefined && (first === undefined || second.transaction > first.transaction);
  const meta = later ? second : first;
  if (meta === undefined) throw damaged(path, 'neither meta page is valid');
  if (meta.pageSize !== pageSize)
    throw damaged(path, `its metas name page sizes of ${pageSize} and ${meta.pageSize} bytes`);
  if (meta.highWater < 2) throw damaged(path, `a high-water mark of ${meta.highWater}, within the metas`);
  if (meta.highWater > MAX_PAGES) throw damaged(path, `${meta.highWater} pages, more than ${MAX_PAGES}`);
  if (meta.highWater * pageSize > file.sizeBytes) throw damaged(path, 'the file is shorter than it says');
  return meta;
}

async function probe(file: FileWindows, path: string): Promise<Meta> {
  for (const position of PROBES) {
    const meta = await metaAt(file, path, position);
    if (meta !== undefined) return meta;
  }
  throw damaged(path, 'neither meta page is valid');
}

async function metaAt(file: FileWindows, path: string, position: number): Promise<Meta | undefined> {
  if (position + META.end > file.sizeBytes) return undefined;
  try {
    return decodeMeta(await file.read(position, META.end));
  } catch (error) {
    throw error instanceof DecodeError ? damaged(path, `the meta at byte ${position}: ${error.message}`) : error;
  }
}

function isPageSize(size: number): boolean {
  return size >= pageSizes.smallest && size <= pageSizes.largest && Number.isInteger(Math.log2(size));
}
