import type { Sorter } from './sorter.ts';

/** A key and its payload. */
export interface SortedItem {
  readonly key: string;
  readonly value: Buffer;
}

/** Payloads given out at a time, in bytes: few, so that none of them is still in use when garbage is collected. */
const BATCH_SIZE = 24 * 1024;
/** What an item costs beyond its payload. */
const ITEM_COST = 64;

/** All items of a sorter in order, some at a time, valid until the next are asked for. Nothing may be added any more. */
export async function* readItems(sorter: Sorter): AsyncGenerator<readonly SortedItem[]> {
  const cursor = await sorter.read();
  try {
    const room = Buffer.allocUnsafeSlow(BATCH_SIZE);
    let batch: SortedItem[] = [];
    let [filled, cost] = [0, 0];
    while (cursor.next()) {
      const { key, size } = cursor;
      if (batch.length > 0 && cost + size > BATCH_SIZE) {
        yield batch;
        batch = [];
        filled = cost = 0;
      }
      const value = size > room.length ? Buffer.allocUnsafeSlow(size) : room.subarray(filled, filled + size);
      cursor.read(value, 0);
      batch.push({ key, value });
      filled += size;
      cost += size + ITEM_COST;
    }
    if (batch.length > 0) yield batch;
  } finally {
    await cursor.close();
  }
}
