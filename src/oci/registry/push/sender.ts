import { CodedError } from '#core';
import type { ByteStream } from '#oci/image';
import { collect, contentOf } from '#oci/image';
import { checkStored } from '../blob-fetch.ts';
import { refusal } from '../faults.ts';
import { finishUpload, sendChunk, type UploadAnswer, type UploadSession } from '../upload.ts';
import type { CurrentUpload } from './current-upload.ts';
import { type BlobPush, firstChunkBytes, smallerChunk, wantsChunks } from './plan.ts';
import type { BlobSource } from './source.ts';

/** Below this, a blob is read and checked before a byte of it is sent. */
const SMALL_BYTES = 1024 * 1024;
/** A socket that was given this much at once asks for nothing more before all of it is out. */
const SOCKET_ROOM_BYTES = 64 * 1024;

/** Sends a blob through a session: in one PUT, or in chunks once the registry has refused that. */
export class BlobSender {
  readonly #push: BlobPush;
  readonly #source: BlobSource;
  readonly #upload: CurrentUpload;
  #chunked = false;
  #chunkBytes = firstChunkBytes;

  constructor(push: BlobPush, source: BlobSource, upload: CurrentUpload) {
    this.#push = push;
    this.#source = source;
    this.#upload = upload;
  }

  /** Sends all of it. */
  send(session: UploadSession): Promise<void> {
    return this.#chunked ? this.sendRest(session, 0) : this.#sendWhole(session);
  }

  /** Sends what follows the first `from` bytes, in chunks, and finishes the upload. */
  async sendRest(start: UploadSession, from: number): Promise<void> {
    const { remote, descriptor, options } = this.#push;
    const chunkBytes = Math.max(this.#chunkBytes, start.minChunkBytes);
    let session = start;
    let offset = from;
    // All may have arrived before it broke.
    const rest = from < descriptor.size ? this.#source.open(from) : contentOf(new Uint8Array())(0);
    for await (const chunk of inChunks(await rest, chunkBytes)) {
      const sent = await this.#source.sending(() => this.#sendChunk(session, offset, chunk));
      if (sent === 'too large') return this.sendRest(session, offset);
      offset += chunk.byteLength;
      session = await this.#upload.use(sent.session);
      this.#checkReceived(sent.received, offset);
    }
    const nothing = { sizeBytes: 0, body: new Uint8Array() };
    const response = await finishUpload(remote, session, descriptor, nothing, options);
    if (!isStored(response)) throw await refusal(response, 'PUT');
    await this.#accept(response);
  }

  async #sendWhole(session: UploadSession): Promise<void> {
    const { remote, descriptor, options } = this.#push;
    const sizeBytes = descriptor.size;
    const body =
      sizeBytes <= SMALL_BYTES
        ? await collect(await this.#source.open(0), SMALL_BYTES, remote.name)
        : async () => keepSmall(await this.#source.open(0, true));
    const send = () => finishUpload(remote, session, descriptor, { sizeBytes, body }, options);
    const response = await this.#source.sending(send);
    if (isStored(response)) return this.#accept(response);
    const failure = await refusal(response, 'PUT');
    if (!wantsChunks(failure, sizeBytes)) throw failure;
    this.#chunked = true;
    await this.#upload.cancel();
    await this.sendRest(await this.#upload.restart(), 0);
  }

  /** Sends a chunk, or finds that chunks must be smaller from now on. */
  async #sendChunk(session: UploadSession, offset: number, chunk: Uint8Array) {
    const { remote, options } = this.#push;
    try {
      return await sendChunk(remote, session, offset, chunk, options);
    } catch (error) {
      const less = smallerChunk(chunk.byteLength, session);
      if (!(error instanceof CodedError) || error.details['status'] !== 413 || less === undefined) throw error;
      this.#chunkBytes = less;
      return 'too large';
    }
  }

  /** Some registries go on naming the end of the first chunk though all was stored: only more is a contradiction. */
  #checkReceived(received: number | undefined, sent: number): void {
    if (received === undefined || received <= sent) return;
    const { remote, descriptor } = this.#push;
    const what = `${remote.name}: received ${received} of ${sent} bytes sent`;
    throw new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', what, {
      hint: 'run it again; if it persists, ask the registry operator',
      details: { digest: descriptor.digest },
    });
  }

  async #accept(response: UploadAnswer): Promise<void> {
    await response.drop();
    checkStored(response, this.#push.descriptor.digest);
  }
}

function isStored({ status }: UploadAnswer): boolean {
  return status === 201 || status === 204;
}

/** Chunks of reused buffers for a socket, which requests the next one while a small one is still buffered. */
async function* keepSmall(stream: ByteStream): ByteStream {
  for await (const chunk of stream) yield chunk.byteLength < SOCKET_ROOM_BYTES ? Uint8Array.from(chunk) : chunk;
}

/** Gathers a stream into pieces of one size; only the last may be smaller. */
async function* inChunks(stream: ByteStream, chunkBytes: number): ByteStream {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of stream) {
    while (size + chunk.byteLength >= chunkBytes) {
      parts.push(chunk.subarray(0, chunkBytes - size));
      yield Buffer.concat(parts);
      chunk = chunk.subarray(chunkBytes - size);
      parts = [];
      size = 0;
    }
    if (chunk.byteLength > 0) parts.push(chunk);
    size += chunk.byteLength;
  }
  if (size > 0) yield Buffer.concat(parts);
}
