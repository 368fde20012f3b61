import { randomBytes } from 'node:crypto';
import { lstat, readdir, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Descriptor, fileError, isAlive, makeFolder, ownerIn, thisOwner } from '#core';
import type { ContentReader, PushOptions, PushOutcome } from '#oci/image';
import { indexPath } from '../index-source.ts';
import { type Layout, openStaging } from '../layout.ts';

/** The folder beside an archive in which blobs gather until a new tar is written. */
export class ArchiveStage {
  /** The path of the archive. */
  readonly archive: string;
  readonly folder: string;
  #layout: Promise<Layout> | undefined;
  #expectsPushes = false;

  constructor(archive: string) {
    this.archive = archive;
    const name = `${stagePrefix(archive)}${thisOwner()}.${randomBytes(6).toString('hex')}`;
    this.folder = join(dirname(archive), name);
  }

  /** Something is pushed to the archive, whether it has it already or not. */
  expectPushes(): void {
    this.#expectsPushes = true;
  }

  async push(descriptor: Descriptor, content: ContentReader, options: PushOptions): Promise<PushOutcome> {
    this.#layout ??= openStage(this.archive, this.folder);
    return (await this.#layout).push(descriptor, content, options);
  }

  /** Removes the folder, and what runs that were killed left beside the archive. */
  async close(): Promise<void> {
    // A run may have been killed after it had put its tar in place.
    if (this.#expectsPushes && this.#layout === undefined) {
      await tidyBeside(this.archive, async () => false).catch(() => undefined);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Takes over the blobs of another's folder; false where one was taken over already. */
async function adopt(other: string, stagePath: string): Promise<boolean> {
  try {
    await rename(other, stagePath);
    // A link by this name may lead to anybody's layout.
    if (!(await lstat(stagePath)).isDirectory()) {
      await unlink(stagePath);
      return false;
    }
  } catch {
    return false;
  }
  await rm(join(stagePath, indexPath), { force: true });
  await rm(join(stagePath, 'next.tar'), { force: true });
  return true;
}

function stagePrefix(path: string): string {
  return `.${basename(path)}.stage.`;
}

/** Makes the folder to gather in, out of what a process that has ended had gathered where there is such. */
async function openStage(path: string, stagePath: string): Promise<Layout> {
  const folder = dirname(path);
  try {
    await makeFolder(folder);
    // Each blob in it has its name because it was whole, and is checked once more on its way into the tar.
    await tidyBeside(path, (other) => adopt(other, stagePath));
  } catch (error) {
    throw fileError(error, folder);
  }
  return openStaging(stagePath);
}

/** Removes what processes that have ended left beside an archive, but for folders that `keep` takes. */
async function tidyBeside(path: string, keep: (stage: string) => Promise<boolean>): Promise<void> {
  const folder = dirname(path);
  const [stage, lock] = [stagePrefix(path), `${basename(path)}.lock.`];
  for (const name of await readdir(folder)) {
    const prefix = [stage, lock].find((start) => name.startsWith(start));
    if (prefix === undefined || isAlive(ownerIn(name.slice(prefix.length)) ?? '') !== false) continue;
    if (prefix === stage && (await keep(join(folder, name)))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
