import { createReadStream } from 'node:fs';
import { decompressed } from '#archive';
import { CodedError } from '#core';
import type { Repository } from '#oci/image';
import { IndexSource, isLayout } from '../index-source.ts';
import { LayoutReader, ReadOnlyRepository, readOnly } from '../reader.ts';
import { isCompressedFile, TarFiles } from '../tar-files.ts';
import { layoutOfDocker } from './files.ts';
import { dockerManifestPath } from './manifest.ts';

/** How a docker archive is opened. */
export interface DockerArchiveOptions {
  readonly create?: boolean | undefined;
  /** Where several repositories share it, the one to read. */
  readonly repository?: string | undefined;
  /** What `docker-archive:-` reads. */
  readonly pipe?: { readonly input: AsyncIterable<Uint8Array | string> } | undefined;
}

const WHAT = 'a docker archive';

/**
 * The images that `docker save`, `podman save`, skopeo or crane wrote into a tar, compressed by gzip or zstd or not.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE,
 *   ERR_EXPORT_LAYOUT_INVALID for another kind of tar, ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_UNSUPPORTED as a target
 */
export async function openDockerArchive(path: string, options: DockerArchiveOptions): Promise<Repository> {
  const name = `docker-archive:${path}`;
  if (options.create) throw readOnly(name, WHAT);
  const tar = await openTar(path, options, name);
  try {
    await checkIsDocker(tar, name);
    const files = await layoutOfDocker(tar, name);
    const index = new IndexSource(files, name);
    const reader = new LayoutReader(name, files, () => index.current(), options);
    return new ReadOnlyRepository(reader, WHAT, () => tar.close());
  } catch (error) {
    await tar.close();
    throw error;
  }
}

async function checkIsDocker(tar: TarFiles, name: string): Promise<void> {
  if ((await tar.sizeOf(dockerManifestPath)) !== undefined) return;
  if (!(await isLayout(tar, name))) {
    throw new CodedError('ERR_EXPORT_LAYOUT_INVALID', `${name}: a tar without ${dockerManifestPath}`, {
      hint: 'check that docker save wrote this file; archives of Docker before 1.10 must be saved again',
      details: { name },
    });
  }
  throw new CodedError('ERR_EXPORT_LAYOUT_INVALID', `${name}: an OCI layout, not a docker archive`, {
    hint: 'write oci-archive: in place of docker-archive:',
    details: { name },
  });
}

async function openTar(path: string, { pipe }: DockerArchiveOptions, name: string): Promise<TarFiles> {
  const options = { followLinks: true, stripRoot: true };
  if (path === '-') {
    if (pipe === undefined) throw new TypeError(`${name}: there is no pipe`);
    return TarFiles.spooled(decompressed(pipe.input, 'standard input'), 'standard input', options);
  }
  if (await isCompressedFile(path)) {
    return TarFiles.spooled(decompressed(createReadStream(path), path), path, options);
  }
  const tar = await TarFiles.open(path, options);
  if (tar !== undefined) return tar;
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${path}: no such file`, { hint: 'check the path', details: { path } });
}
