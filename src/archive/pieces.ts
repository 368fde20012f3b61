/**
 * Packs a stream piece by piece, as cutPieces cuts it, up to `inFlight` of them at once.
 *
 * @param pack must be done with a piece when it has packed it
 */
export function packPieces(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  inFlight: number,
  pack: (piece: Uint8Array) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const spare: Uint8Array<ArrayBuffer>[] = [];
  return mapOrdered(cutPieces(chunks, size, spare), inFlight, async (piece) => {
    const packed = await pack(piece);
    spare.push(new Uint8Array(piece.buffer));
    return packed;
  });
}

/** Memory for a piece to begin with; it grows while more of the piece comes in. */
const FIRST_ROOM = 1024 * 1024;

/**
 * Cuts a stream into pieces of exactly `size` bytes, so that what follows does not depend on how it was chunked.
 * Only the last piece is shorter; an empty stream gives one empty piece. Chunks are copied before the next is asked for.
 *
 * @param spare memory of pieces that are done with, to be filled again: what is reused need not be collected
 */
async function* cutPieces(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  spare: Uint8Array<ArrayBuffer>[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const take = () => spare.pop() ?? new Uint8Array(Math.min(size, FIRST_ROOM));
  let piece = take();
  let have = 0;
  let count = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - have);
      if (have + part.length > piece.length) piece = grown(piece, have, Math.min(size, 2 * (have + part.length)));
      piece.set(part, have);
      have += part.length;
      at += part.length;
      if (have < size) continue;
      yield piece;
      count++;
      piece = take();
      have = 0;
    }
  }
  if (have > 0 || count === 0) yield piece.subarray(0, have);
}

function grown(piece: Uint8Array, have: number, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(piece.subarray(0, have));
  return larger;
}

/**
 * Maps pieces with up to `inFlight` at work at once, and gives the results in the order of the pieces.
 * Where one fails or the caller stops early, those at work are waited for, so none outlives the iteration.
 */
async function* mapOrdered<T, R>(
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
