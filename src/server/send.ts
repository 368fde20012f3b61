import type { ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type BlobFile, type ByteRange, collect } from '#oci';
import { API_VERSION, type RegistryRequest, socketsOf } from './context.ts';
import { Outlet } from './outlet.ts';
import { Pace } from './pace.ts';

/** What is read at once is sent in one piece. */
const SMALL_BYTES = 256 * 1024;

/** The answer that goes before the bytes. */
export interface BlobAnswer {
  readonly status: 200 | 206;
  readonly headers: Record<string, string>;
  readonly range: ByteRange;
}

/** Sends a blob or a part of it, and closes it. */
export async function sendBlob(c: RegistryRequest, blob: BlobFile, answer: BlobAnswer): Promise<Response> {
  const { status, headers, range } = answer;
  const { outgoing } = socketsOf(c);
  if (range.end - range.start < SMALL_BYTES) {
    const bytes = await collect(blob.read(range), SMALL_BYTES, 'a blob');
    return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers });
  }
  if (outgoing === undefined) return new Response(ReadableStream.from(blob.read(range)), { status, headers });
  // Straight to the socket: a web stream in between needs fresh memory for each piece, and halves the rate.
  outgoing.writeHead(status, { ...API_VERSION, ...headers });
  await pump(blob, range, outgoing);
  return RESPONSE_ALREADY_SENT;
}

async function pump(blob: BlobFile, range: ByteRange, outgoing: ServerResponse): Promise<void> {
  const pace = new Pace();
  using outlet = new Outlet(outgoing);
  try {
    await blob.send(range, async (piece) => {
      await pace.wait(() => outlet.write(piece));
      pace.moved(piece.byteLength);
    });
    outgoing.end();
  } catch {
    // The head is out: all that is left to tell the client is that the body ends here, short.
    outgoing.destroy();
  }
}
