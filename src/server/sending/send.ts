import type { ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type ByteRange, type ByteStream, collect } from '#oci/image';
import type { StoredBlob } from '#oci/store';
import { API_VERSION, type ServerContext, type ServerRequest, socketsOf } from '../context.ts';
import { MinRateGuard } from './min-rate-guard.ts';
import { reserveResponse } from './response-memory.ts';
import { ResponseWriter } from './response-writer.ts';
import type { SendShare } from './send-buffers.ts';

/** Smaller bodies are read into memory and sent in one piece. */
const SMALL_BYTES = 256 * 1024;

/** Status, headers and range of a blob response. */
export interface BlobResponse {
  readonly status: 200 | 206;
  readonly headers: Record<string, string>;
  readonly range: ByteRange;
}

/** Sends a blob or a range of it, and closes the blob. */
export async function sendBlob(
  c: ServerRequest,
  context: ServerContext,
  blob: StoredBlob,
  answer: BlobResponse,
): Promise<Response> {
  const { status, headers, range } = answer;
  const { outgoing } = socketsOf(c);
  if (range.end - range.start < SMALL_BYTES) {
    try {
      reserveResponse(c, context, range.end - range.start + 1);
    } catch (error) {
      await blob.close();
      throw error;
    }
    const bytes = await collect(blob.read(range), SMALL_BYTES, 'a blob');
    return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers });
  }
  if (outgoing === undefined) return new Response(ReadableStream.from(blob.read(range)), { status, headers });
  // Straight to the socket: a web stream in between needs fresh memory for each piece, and halves the rate.
  outgoing.writeHead(status, { ...API_VERSION, ...headers });
  using share = context.limits.sending.begin();
  await pump(outgoing, (write) => sendPieces(blob, range, write, share));
  return RESPONSE_ALREADY_SENT;
}

/**
 * Sends a stream whose length the headers state. If it fails, the connection is closed before that length, which is how
 * a client knows that it lacks the rest.
 *
 * @param report called with what failed, unless the client closed the connection
 */
export async function sendStream(
  c: ServerRequest,
  stream: ByteStream,
  { status, headers }: Pick<BlobResponse, 'status' | 'headers'>,
  report: (error: unknown) => void,
): Promise<Response> {
  const { outgoing } = socketsOf(c);
  if (outgoing === undefined) return new Response(ReadableStream.from(stream), { status, headers });
  outgoing.writeHead(status, headers);
  let isReading = true;
  const send = async (write: Write): Promise<void> => {
    for await (const chunk of stream) {
      isReading = false;
      await write(chunk);
      isReading = true;
    }
  };
  await pump(outgoing, send, (error) => isReading && report(error));
  return RESPONSE_ALREADY_SENT;
}

type Write = (piece: Uint8Array) => Promise<void>;

async function sendPieces(blob: StoredBlob, range: ByteRange, write: Write, memory: SendShare): Promise<void> {
  if (blob.send !== undefined) await blob.send(range, write, memory);
  else for await (const chunk of blob.read(range)) await write(chunk);
}

async function pump(
  outgoing: ServerResponse,
  send: (write: Write) => Promise<void>,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<void> {
  const rate = new MinRateGuard();
  using writer = new ResponseWriter(outgoing);
  try {
    await send(async (piece) => {
      await rate.wait(() => writer.write(piece));
      rate.count(piece.byteLength);
    });
    outgoing.end();
  } catch (error) {
    // The headers were sent already: only a truncated body can tell the client.
    outgoing.destroy();
    onFailure(error);
  }
}
