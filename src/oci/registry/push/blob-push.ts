import { type Descriptor, isCoded } from '#core';
import type { ContentReader, PushOptions, PushOutcome } from '#oci/image';
import { hasBlob } from '../blob-fetch.ts';
import type { Remote } from '../remote.ts';
import type { UploadSession } from '../upload.ts';
import { CurrentUpload } from './current-upload.ts';
import { type BlobPush, planPush, planResume } from './plan.ts';
import { BlobSender } from './sender.ts';
import { BlobSource } from './source.ts';

/** Failures after which a session may still be there for another run. */
const MAY_PASS = ['ERR_EXPORT_NETWORK', 'ERR_EXPORT_REGISTRY_UNAVAILABLE', 'ERR_EXPORT_RATE_LIMITED'] as const;

/** Puts a blob into a registry: not at all where it has it, by mounting where it can, else in one PUT or in chunks. */
export async function pushBlob(
  remote: Remote,
  descriptor: Descriptor,
  content: ContentReader,
  options: PushOptions,
): Promise<PushOutcome> {
  remote.willWrite();
  const push = { remote, descriptor, options };
  const plan = await planPush(push);
  if (typeof plan === 'string') return plan;
  const upload = new CurrentUpload(push, plan.session);
  let mayResume = false;
  try {
    const attempts = new Attempts(push, new BlobSource(descriptor, content, options.onBytes), upload);
    await attempts.begin();
    await remote.client.retry(() => attempts.next(), options.signal);
    return 'uploaded';
  } catch (error) {
    // What broke off goes on in another run; what was refused begins anew.
    mayResume = options.signal?.aborted === true || isCoded(error, ...MAY_PASS);
    await upload.fail(mayResume);
    throw error;
  } finally {
    await upload.close(mayResume);
  }
}

/** The tries to upload one blob, each of which goes on where the one before, or another run, broke off. */
class Attempts {
  readonly #push: BlobPush;
  readonly #sender: BlobSender;
  readonly #upload: CurrentUpload;
  #tries = 0;
  /** Whether something of the blob may have arrived through the session. */
  #isBroken = false;
  #restarted = false;

  constructor(push: BlobPush, source: BlobSource, upload: CurrentUpload) {
    this.#push = push;
    this.#upload = upload;
    this.#sender = new BlobSender(push, source, upload);
  }

  async begin(): Promise<void> {
    this.#isBroken = await this.#upload.takeOver();
  }

  async next(): Promise<void> {
    const { remote, descriptor, options } = this.#push;
    // The answer to what was sent may have been all that got lost.
    if (this.#tries++ > 0 && (await hasBlob(remote, descriptor, { signal: options.signal }))) return;
    const { session } = this.#upload;
    if (this.#isBroken && session !== undefined && (await this.#resume(session))) return;
    const isFresh = !this.#isBroken && session !== undefined;
    this.#isBroken = true;
    await this.#sendAll(isFresh ? await this.#upload.use(session) : await this.#upload.restart());
  }

  async #sendAll(session: UploadSession): Promise<void> {
    try {
      await this.#sender.send(session);
    } catch (error) {
      // A registry may forget a session, once: it was restarted, or another machine of it answers.
      if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND') || error.details['status'] !== 404 || this.#restarted) throw error;
      this.#restarted = true;
      await this.#sender.send(await this.#upload.restart());
    }
  }

  /** Goes on where the registry says that a broken upload stands; false where it must begin anew. */
  async #resume(session: UploadSession): Promise<boolean> {
    const point = await planResume(this.#push, session);
    if (point === undefined) return false;
    try {
      await this.#sender.sendRest(point.session, point.received);
      return true;
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_REGISTRY_REFUSED', 'ERR_EXPORT_NOT_FOUND')) throw error;
      return false;
    }
  }
}
