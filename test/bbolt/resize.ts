const OURS = 4096;
const [BRANCH, LEAF] = [1, 2];

/**
 * A file of ours (4096-byte pages, three at the front) with pages of another size: each page keeps its content, and is
 * as many pages as it takes. Written from docs/formats/bbolt.md alone.
 */
export function resized(file: Buffer, pageSize: number): Buffer {
  const pages = pagesOf(file);
  const ids = new Map<number, number>();
  let next = 0;
  for (const { id, content } of pages) {
    ids.set(id, next);
    next += id < 3 ? 1 : Math.ceil(content.byteLength / pageSize);
  }
  const out = Buffer.alloc(next * pageSize);
  for (const { id, content } of pages) {
    const at = (ids.get(id) as number) * pageSize;
    const page = out.subarray(at);
    content.copy(page, 0, 0, id < 3 ? Math.min(content.byteLength, pageSize) : content.byteLength);
    page.writeBigUInt64LE(BigInt(ids.get(id) as number), 0);
    page.writeUInt32LE(id < 3 ? 0 : Math.ceil(content.byteLength / pageSize) - 1, 12);
    renumber(page, ids);
  }
  for (const at of [0, pageSize]) {
    const meta = out.subarray(at, at + 80);
    meta.writeUInt32LE(pageSize, 24);
    meta.writeBigUInt64LE(BigInt(ids.get(Number(meta.readBigUInt64LE(32))) as number), 32);
    meta.writeBigUInt64LE(BigInt(next), 56);
    sealMeta(meta);
  }
  return out;
}

/** Gives a meta page the checksum of what it holds. */
export function sealMeta(page: Buffer): void {
  let hash = 0xcbf29ce484222325n;
  for (const byte of page.subarray(16, 72)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  page.writeBigUInt64LE(hash, 72);
}

function pagesOf(file: Buffer): { readonly id: number; readonly content: Buffer }[] {
  const pages = [];
  for (let id = 0; id * OURS < file.byteLength; ) {
    const overflow = file.readUInt32LE(id * OURS + 12);
    pages.push({ id, content: file.subarray(id * OURS, (id + 1 + overflow) * OURS) });
    id += 1 + overflow;
  }
  return pages;
}

/** Gives the children of a branch, and the buckets of a leaf, the numbers that their pages have now. */
function renumber(page: Buffer, ids: ReadonlyMap<number, number>): void {
  const [kind, count] = [page.readUInt16LE(8), page.readUInt16LE(10)];
  for (let i = 0; i < count; i++) {
    const at = 16 * (1 + i);
    if (kind === BRANCH) page.writeBigUInt64LE(BigInt(ids.get(Number(page.readBigUInt64LE(at + 8))) as number), at + 8);
    if (kind !== LEAF || page.readUInt32LE(at) !== 1) continue;
    const value = at + page.readUInt32LE(at + 4) + page.readUInt32LE(at + 8);
    const root = Number(page.readBigUInt64LE(value));
    if (root !== 0) page.writeBigUInt64LE(BigInt(ids.get(root) as number), value);
  }
}
