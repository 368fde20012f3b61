import { CodedError, type Descriptor, isCoded } from '#core';
import type { ByteStream, ContentReader, PushOptions, PushOutcome } from '#oci/image';
import { collect, contentOf, verifyStream } from '#oci/image';
import { checkStored, hasBlob } from './blob-fetch.ts';
import { final, refusal } from './faults.ts';
import type { WireResponse } from './http/message.ts';
import type { Remote } from './remote.ts';
import {
  askUpload,
  cancelUpload,
  finishUpload,
  mountBlob,
  sendChunk,
  startUpload,
  type UploadSession,
} from './upload.ts';
import { UploadJournal } from './upload-journal.ts';

/** Below this, a blob is read and checked before a byte of it is sent. */
const SMALL_BYTES = 1024 * 1024;
/** A socket that was given this much at once asks for nothing more before all of it is out. */
const SOCKET_ROOM_BYTES = 64 * 1024;
/** What GHCR takes at most in one chunk, what nginx takes at most unless told, and half of that. */
const CHUNK_BYTES = [4 * 1024 * 1024, 1024 * 1024, 512 * 1024] as const;
/** Failures after which a session may still be there for another run. */
const MAY_PASS = ['ERR_EXPORT_NETWORK', 'ERR_EXPORT_REGISTRY_UNAVAILABLE', 'ERR_EXPORT_RATE_LIMITED'] as const;
/** From here on it pays to ask where a broken upload stands. */
const RESUME_BYTES = 8 * 1024 * 1024;

/** Puts a blob into a registry: not at all where it has it, by mounting where it can, else in one PUT or in chunks. */
export async function pushBlob(
  remote: Remote,
  descriptor: Descriptor,
  content: ContentReader,
  options: PushOptions,
): Promise<PushOutcome> {
  const upload = new Upload(remote, descriptor, content, options);
  return upload.run();
}

class Upload {
  readonly #remote: Remote;
  readonly #descriptor: Descriptor;
  readonly #content: ContentReader;
  readonly #options: PushOptions;
  readonly #journal: UploadJournal | undefined;
  #session: UploadSession | undefined;
  /** Whether the session is one that another run left open. */
  #inherited = false;
  #tries = 0;
  #chunked = false;
  #chunkBytes: number = CHUNK_BYTES[0];
  #restarted = false;
  /** Why the source could not be read: its own error, which no retry at the registry can fix. */
  #sourceFault: { readonly error: unknown } | undefined;
  #reported = 0;

  constructor(remote: Remote, descriptor: Descriptor, content: ContentReader, options: PushOptions) {
    this.#remote = remote;
    this.#descriptor = descriptor;
    this.#content = content;
    this.#options = options;
    this.#journal = descriptor.size < RESUME_BYTES ? undefined : new UploadJournal(remote, descriptor.digest);
  }

  async run(): Promise<PushOutcome> {
    const { signal } = this.#options;
    this.#remote.willWrite();
    if (await this.#isThere()) return 'present';
    if ((await this.#mount()) === 'mounted') return 'mounted';
    let resumable = false;
    try {
      const left = await this.#journal?.take();
      this.#inherited = left !== undefined;
      this.#session = left ?? this.#session;
      await this.#remote.session.retry(() => this.#attempt(), signal);
      return 'uploaded';
    } catch (error) {
      // What broke off goes on in another run; what was refused begins anew.
      resumable = signal?.aborted === true || isCoded(error, ...MAY_PASS);
      if (this.#session !== undefined && !(resumable && this.#journal !== undefined) && signal?.aborted !== true) {
        await cancelUpload(this.#remote, this.#session);
      }
      throw error;
    } finally {
      await this.#journal?.end(resumable);
    }
  }

  async #isThere(): Promise<boolean> {
    const { asking } = this.#remote;
    if (!asking.pays(this.#descriptor.size)) return false;
    const found = await hasBlob(this.#remote, this.#descriptor, { signal: this.#options.signal });
    asking.note(found);
    return found;
  }

  async #mount(): Promise<'mounted' | undefined> {
    const from = this.#options.mountFrom;
    if (from === undefined || from === this.#remote.repository) return undefined;
    try {
      const answer = await mountBlob(this.#remote, this.#descriptor, from, this.#options);
      if (answer === 'mounted') return answer;
      this.#session = answer;
    } catch (error) {
      // No right to read there, or a registry that stumbles over it: the bytes will do.
      this.#options.signal?.throwIfAborted();
      if (!(error instanceof CodedError)) throw error;
    }
    return undefined;
  }

  async #attempt(): Promise<void> {
    const { signal } = this.#options;
    const before = this.#session;
    const again = this.#tries++ > 0;
    // The answer to what was sent may have been all that got lost.
    if (again && (await hasBlob(this.#remote, this.#descriptor, { signal }))) return;
    if (again || this.#inherited) {
      this.#inherited = false;
      if (before !== undefined && (await this.#resume(before))) return;
      this.#session = undefined;
    }
    await this.#use(this.#session ?? (await startUpload(this.#remote, this.#options)));
    try {
      await this.#send();
    } catch (error) {
      // A registry may forget a session, once: it was restarted, or another machine of it answers.
      if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND') || error.details['status'] !== 404 || this.#restarted) throw error;
      this.#restarted = true;
      await this.#use(await startUpload(this.#remote, this.#options));
      await this.#send();
    }
  }

  /** Goes on with this session from now on, also after a kill. */
  async #use(session: UploadSession): Promise<void> {
    this.#session = session;
    await this.#journal?.keep(session);
  }

  #send(): Promise<void> {
    const session = this.#session as UploadSession;
    return this.#chunked ? this.#sendInChunks(session, 0, 0) : this.#sendWhole(session);
  }

  async #sendWhole(session: UploadSession): Promise<void> {
    const sizeBytes = this.#descriptor.size;
    const small = sizeBytes <= SMALL_BYTES;
    const body = small
      ? await collect(await this.#open(0), SMALL_BYTES, this.#remote.name)
      : async () => keepSmall(await this.#open(0, true));
    const response = await this.#sending(() =>
      finishUpload(this.#remote, session, this.#descriptor, { sizeBytes, body }, this.#options),
    );
    if (response.status === 201 || response.status === 204) return this.#accept(response);
    const failure = await refusal(response, 'PUT');
    if (!wantsChunks(failure, sizeBytes)) throw failure;
    this.#chunked = true;
    await cancelUpload(this.#remote, session);
    const next = await startUpload(this.#remote, this.#options);
    await this.#use(next);
    await this.#sendInChunks(next, 0, 0);
  }

  /** Goes on where the registry says that a broken upload stands; false where it must begin anew. */
  async #resume(session: UploadSession): Promise<boolean> {
    if (this.#descriptor.size < RESUME_BYTES) return false;
    const answer = await askUpload(this.#remote, session, this.#options).catch(() => undefined);
    if (answer === undefined || answer.received < RESUME_BYTES / 2 || answer.received > this.#descriptor.size)
      return false;
    try {
      await this.#sendInChunks(answer.session, answer.received, answer.received);
      return true;
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_REGISTRY_REFUSED', 'ERR_EXPORT_NOT_FOUND')) throw error;
      return false;
    }
  }

  async #sendInChunks(start: UploadSession, from: number, skip: number): Promise<void> {
    const chunkBytes = Math.max(this.#chunkBytes, start.minChunkBytes);
    let session = start;
    let offset = from;
    // All may have arrived before it broke.
    const rest = skip < this.#descriptor.size ? this.#open(skip) : contentOf(new Uint8Array())(0);
    for await (const chunk of inChunks(await rest, chunkBytes)) {
      const sent = await this.#sending(() => this.#sendOne(session, offset, chunk));
      if (sent === 'too large') return this.#sendInChunks(session, offset, offset);
      offset += chunk.byteLength;
      session = sent.session;
      await this.#use(session);
      // Some registries go on naming the end of the first chunk though all was stored: only more is a contradiction.
      if (sent.received !== undefined && sent.received > offset) {
        throw new CodedError(
          'ERR_EXPORT_REGISTRY_PROTOCOL',
          `${this.#remote.name}: received ${sent.received} of ${offset} bytes sent`,
          {
            hint: 'run it again; if it persists, ask the registry operator',
            details: { digest: this.#descriptor.digest },
          },
        );
      }
    }
    const response = await finishUpload(
      this.#remote,
      session,
      this.#descriptor,
      { sizeBytes: 0, body: new Uint8Array() },
      this.#options,
    );
    if (response.status !== 201 && response.status !== 204) throw await refusal(response, 'PUT');
    await this.#accept(response);
  }

  /** Sends a chunk, or finds that chunks must be smaller from now on. */
  async #sendOne(session: UploadSession, offset: number, chunk: Uint8Array) {
    try {
      return await sendChunk(this.#remote, session, offset, chunk, this.#options);
    } catch (error) {
      const less = CHUNK_BYTES.find((size) => size < chunk.byteLength && size >= session.minChunkBytes);
      if (!(error instanceof CodedError) || error.details['status'] !== 413 || less === undefined) throw error;
      this.#chunkBytes = less;
      return 'too large';
    }
  }

  async #accept(response: WireResponse): Promise<void> {
    await response.drop();
    checkStored(response, this.#descriptor.digest);
  }

  /** The source from an offset on; from the beginning it is checked. */
  async #open(offset: number, reuseBuffer?: boolean): Promise<ByteStream> {
    try {
      const stream = await this.#content(offset, reuseBuffer);
      return this.#watched(offset === 0 ? verifyStream(this.#descriptor, stream, 'source') : stream, offset);
    } catch (error) {
      throw this.#blameSource(error);
    }
  }

  async *#watched(stream: ByteStream, offset: number): ByteStream {
    let position = offset;
    try {
      for await (const chunk of stream) {
        position += chunk.byteLength;
        // What is sent once more was counted already.
        if (position > this.#reported) {
          this.#options.onBytes?.(position - this.#reported);
          this.#reported = position;
        }
        yield chunk;
      }
    } catch (error) {
      throw this.#blameSource(error);
    }
  }

  /** A fault of the source must not look like one of the registry that may pass. */
  #blameSource(error: unknown): unknown {
    this.#sourceFault = { error };
    return error instanceof Error ? final(error) : error;
  }

  /** A request that broke off because its body did fails with what broke the body. */
  async #sending<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw this.#sourceFault === undefined ? error : this.#sourceFault.error;
    }
  }
}

/** Whether a registry, or a proxy before it, would rather have it in pieces. */
function wantsChunks(failure: CodedError, sizeBytes: number): boolean {
  if (sizeBytes === 0) return false;
  const { status, registryCode } = failure.details;
  if (status === 413 || status === 416 || status === 405) return true;
  return status === 400 && registryCode !== 'DIGEST_INVALID' && registryCode !== 'SIZE_INVALID';
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
