import { rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { decompressed } from '#archive';
import { type Descriptor, fileError, isCoded, makeTempFolder, tempFileError } from '#core';
import type { ContentReader, OperationOptions, PushOptions, PushOutcome, Repository } from '#oci/image';
import { collect } from '#oci/image';
import { FolderFiles } from '../files.ts';
import { maxIndexBytes } from '../index-file.ts';
import { checkHasIndex, indexPath, isLayout } from '../index-source.ts';
import { Layout, type LayoutOptions } from '../layout.ts';
import { TarFiles } from '../tar-files.ts';
import { notLayout, openReadOnly } from './archive.ts';
import { tarFilesOf } from './archive-files.ts';
import { encodeLayoutTar } from './encode-layout-tar.ts';

/** What `oci-archive:-` reads from and writes to. */
export interface PipeEnds {
  readonly input: AsyncIterable<Uint8Array | string>;
  readonly output: Writable;
}

const NAME = 'oci-archive:-';

/** A layout that comes out of a pipe as one tar or, with `create`, goes into one when it is closed. */
export async function openPipe(ends: PipeEnds | undefined, options: LayoutOptions): Promise<Repository> {
  if (ends === undefined) throw new TypeError(`${NAME}: there is no pipe`);
  if (options.create !== true) return readPipe(ends.input, options);
  const root = await makeTempFolder('export-center-pipe-');
  return new PipedLayout(root, ends.output);
}

async function readPipe(input: PipeEnds['input'], options: LayoutOptions): Promise<Repository> {
  const base = await TarFiles.spooled(decompressed(input, 'standard input'), NAME);
  try {
    if (!(await isLayout(base, NAME))) throw await notLayout(base, 'standard input');
    await checkHasIndex(base, NAME);
    return openReadOnly(base, NAME, 'a pipe', options);
  } catch (error) {
    await base.close();
    throw error;
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
      throw isCoded(error) ? tempFileError(error, this.#root) : error;
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
    for await (const chunk of encodeLayoutTar(await tarFilesOf(files, await files.blobPaths(), index, NAME))) {
      await send(this.#output, chunk);
    }
  }
}

function send(output: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(chunk, (error) => (error ? reject(fileError(error, 'standard output')) : resolve()));
  });
}
