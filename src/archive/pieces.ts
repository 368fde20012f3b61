/**
 * Cuts a stream into pieces of exactly `size` bytes, so that what follows does not depend on how it was chunked.
 * Only the last piece is shorter; an empty stream gives one empty piece. Keeps chunks until their piece is whole.
 */
export async function* cutPieces(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let have = 0;
  let count = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - have);
      parts.push(part);
      have += part.length;
      at += part.length;
      if (have < size) continue;
      yield Buffer.concat(parts, have);
      count++;
      parts = [];
      have = 0;
    }
  }
  if (have > 0 || count === 0) yield Buffer.concat(parts, have);
}

/**
 * Maps pieces with up to `inFlight` at work at once, and gives the results in the order of the pieces.
 * Where one fails or the caller stops early, those at work are waited for, so none outlives the iteration.
 */
export async function* mapOrdered<T, R>(
  pieces: AsyncIterable<T>,
  inFlight: number,
  map: (piece: T) => Promise<R>,
): AsyncGenerator<R> {
  const working: Promise<R>[] = [];
  try {
    for await (const piece of pieces) {
      const work = map(piece);
      work.catch(() => undefined);
      working.push(work);
      if (working.length >= inFlight) yield await (working.shift() as Promise<R>);
    }
    while (working.length > 0) yield await (working.shift() as Promise<R>);
  } finally {
    await Promise.allSettled(working);
  }
}
