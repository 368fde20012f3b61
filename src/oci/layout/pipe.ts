import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { CodedError, type Descriptor, fileError } from '#core';
import { collect } from '../content.ts';
import type { ContentReader, OperationOptions, PushOptions, PushOutcome, Repository } from '../ports.ts';
import { encodeLayoutTar } from '../tar.ts';
import { LayoutArchive } from './archive.ts';
import { blobsBelow, tarFilesOf } from './archive-files.ts';
import { FolderFiles } from './files.ts';
import { maxIndexBytes } from './index-file.ts';
import { checkHasIndex, indexPath, isLayout } from './index-source.ts';
import { Layout, type LayoutOptions } from './layout.ts';
import { TarFiles } from './tar-files.ts';

/** What `oci-archive:-` reads from and writes to. */
export interface PipeEnds {
  readonly input: AsyncIterable<Uint8Array | string>;
  readonly output: Writable;
}

const NAME = 'oci-archive:-';

/** A layout that comes out of a pipe as one tar or, with `create`, goes into one when it is closed. */
export async function openPipe(ends: PipeEnds | undefined, options: LayoutOptions): Promise<Repository> {
  if (ends === undefined) throw new TypeError(`${NAME}: there is no pipe`);
  if (options.create !== true) return readPipe(ends.input);
  const root = await mkdtemp(join(tmpdir(), 'export-center-pipe-'));
  return new PipedLayout(root, ends.output);
}

/** A pipe cannot be read twice nor from the middle, so it goes into a file that has no name any more. */
async function readPipe(input: PipeEnds['input']): Promise<Repository> {
  const folder = await mkdtemp(join(tmpdir(), 'export-center-pipe-'));
  const path = join(folder, 'layout.tar');
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'w+', 0o600);
    await rm(folder, { recursive: true, force: true });
    for await (const chunk of input) await file.writeFile(chunk);
    const base = await TarFiles.over(file, NAME);
    if (await isLayout(base, NAME)) {
      await checkHasIndex(base, NAME);
      return new LayoutArchive(path, base, {}, NAME);
    }
    throw new CodedError('ERR_EXPORT_LAYOUT_INVALID', 'standard input: a tar, but not of an OCI layout', {
      hint: 'pipe a tar of an OCI layout into it, with oci-layout, index.json and blobs at its top',
    });
  } catch (error) {
    await file?.close();
    await rm(folder, { recursive: true, force: true });
    throw fileError(error, path);
  }
}

/** A layout that is gathered in a temporary folder, since its index comes first in the tar. */
class PipedLayout extends Layout {
  readonly #root: string;
  readonly #output: Writable;
  #failed = false;

  constructor(root: string, output: Writable) {
    super(new FolderFiles(root), { create: true, durable: false }, NAME);
    this.#root = root;
    this.#output = output;
  }

  override async push(descriptor: Descriptor, content: ContentReader, options: PushOptions = {}): Promise<PushOutcome> {
    try {
      return await super.push(descriptor, content, options);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  override async tag(descriptor: Descriptor, tag: string, options: OperationOptions = {}): Promise<void> {
    await super.tag(descriptor, tag, options);
    this.#failed = false;
  }

  /** Writes the tar; nothing after a failure, unless a tag was set since: what is written must be whole. */
  override async close(): Promise<void> {
    try {
      await super.close();
      if (!this.#failed) await this.#write();
    } finally {
      await rm(this.#root, { recursive: true, force: true });
    }
  }

  async #write(): Promise<void> {
    const files = new FolderFiles(this.#root);
    if ((await files.sizeOf(indexPath)) === undefined) return;
    const index = await collect(files.read(indexPath), maxIndexBytes, NAME);
    for await (const chunk of encodeLayoutTar(await tarFilesOf(files, await blobsBelow(this.#root), index, NAME))) {
      await send(this.#output, chunk);
    }
  }
}

function send(output: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(chunk, (error) => (error ? reject(fileError(error, 'standard output')) : resolve()));
  });
}
