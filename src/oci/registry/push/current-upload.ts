import type { Remote } from '../remote.ts';
import { cancelUpload, startUpload, type UploadSession } from '../upload.ts';
import { UploadJournal } from '../upload-journal.ts';
import type { BlobPush } from './plan.ts';
import { isResumable } from './plan.ts';

/** The session that a blob is sent through, and where it is written down so that it outlives this process. */
export class CurrentUpload {
  readonly #push: BlobPush;
  readonly #remote: Remote;
  readonly #journal: UploadJournal | undefined;
  #session: UploadSession | undefined;

  /** @param session where the registry has opened one already */
  constructor(push: BlobPush, session: UploadSession | undefined) {
    const { remote, descriptor } = push;
    this.#push = push;
    this.#remote = remote;
    this.#journal = isResumable(descriptor) ? new UploadJournal(remote, descriptor.digest) : undefined;
    this.#session = session;
  }

  get session(): UploadSession | undefined {
    return this.#session;
  }

  /** Takes over what a run that has ended left open. @returns whether there was any */
  async takeOver(): Promise<boolean> {
    const left = await this.#journal?.take();
    this.#session = left ?? this.#session;
    return left !== undefined;
  }

  /** Goes on with this session from now on, also after a kill. */
  async use(session: UploadSession): Promise<UploadSession> {
    this.#session = session;
    await this.#journal?.keep(session);
    return session;
  }

  /** Goes on with a new session. */
  async restart(): Promise<UploadSession> {
    this.#session = undefined;
    return this.use(await startUpload(this.#remote, this.#push.options));
  }

  /** Ends the session at the registry. */
  async cancel(): Promise<void> {
    if (this.#session !== undefined) await cancelUpload(this.#remote, this.#session);
  }

  /** Ends it after a failure: what another run may go on with stays open. */
  async fail(mayResume: boolean): Promise<void> {
    const isKept = mayResume && this.#journal !== undefined;
    if (!isKept && this.#push.options.signal?.aborted !== true) await this.cancel();
  }

  /** Forgets it in this process, and in the journal unless another run is to go on with it. */
  async close(mayResume: boolean): Promise<void> {
    await this.#journal?.end(mayResume);
  }
}
