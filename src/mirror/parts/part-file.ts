import { Digester, isCoded } from '#core';
import { collect, type OperationOptions } from '#oci/image';
import { type OpenTar, openTar } from '#oci/layout';
import { partInvalid } from './faults.ts';
import { partPaths } from './format.ts';
import { cutOf, sliceOf } from './geometry.ts';
import { type MirrorPart, parseMirrorPart } from './mirror-part.generated.ts';

/** A part in a file, open. Nothing of it is trusted yet. */
export interface PartFile {
  readonly path: string;
  readonly tar: OpenTar;
  readonly part: MirrorPart;
  /** The bytes of part.json, and the file of its signature. */
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

const MAX_PART_JSON_BYTES = 1024 * 1024;
const MAX_SIGNATURE_BYTES = 4096;

/**
 * Opens a part. What it says of itself fits together: number, count, offset and sizes.
 *
 * @throws CodedError ERR_EXPORT_PART_INVALID, ERR_EXPORT_NOT_FOUND, ERR_EXPORT_IO
 */
export async function openPart(path: string): Promise<PartFile> {
  if (isLocked(path)) throw partInvalid(path, 'locked: decrypt it first with: age -d');
  const tar = await openTar(path).catch((error: unknown) => {
    if (!isCoded(error, ...NO_TAR)) throw error;
    throw partInvalid(path, error.message.replace(`${path}: `, ''), error);
  });
  try {
    return await read(path, tar);
  } catch (error) {
    await tar.close();
    throw error;
  }
}

/** Whether a file is encrypted as a whole, as its name says. */
export function isLocked(path: string): boolean {
  return /\.tar\.age$/i.test(path);
}

const NO_TAR = ['ERR_EXPORT_ARCHIVE_INVALID', 'ERR_EXPORT_ARCHIVE_UNSAFE', 'ERR_EXPORT_ARCHIVE_LIMIT'] as const;

async function read(path: string, tar: OpenTar): Promise<PartFile> {
  const names = [...tar.paths()];
  const expected: readonly string[] = Object.values(partPaths);
  const bytes = await small(path, tar, partPaths.part, MAX_PART_JSON_BYTES);
  const size = await tar.sizeOf(partPaths.data);
  if (bytes === undefined || size === undefined || names.some((name) => !expected.includes(name))) {
    throw partInvalid(path, 'not a part of a kit');
  }
  const part = parse(bytes, path);
  requireConsistent(part, size, path);
  return { path, tar, part, bytes, signature: await small(path, tar, partPaths.signature, MAX_SIGNATURE_BYTES) };
}

async function small(path: string, tar: OpenTar, name: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const size = await tar.sizeOf(name);
  if (size === undefined) return undefined;
  if (size > maxBytes) throw partInvalid(path, `${name} has ${size} bytes, more than ${maxBytes}`);
  return collect(tar.read(name), maxBytes, `${path}: ${name}`);
}

function parse(bytes: Uint8Array, path: string): MirrorPart {
  const name = `${path}: ${partPaths.part}`;
  try {
    return parseMirrorPart(bytes, name);
  } catch (cause) {
    throw partInvalid(path, `${partPaths.part}${(cause as Error).message.slice(name.length)}`, cause);
  }
}

function requireConsistent(part: MirrorPart, dataBytes: number, path: string): void {
  if (part.recipients.length > 0) {
    throw partInvalid(path, 'recipients: a part that is locked to recipients, which this version does not read');
  }
  const cut = cutOf(part.tarBytes, part.partBytes);
  const isPossible = cut !== undefined && cut.parts === part.parts && part.part <= part.parts;
  const slice = isPossible ? sliceOf(cut, part.tarBytes, part.part) : undefined;
  if (slice?.offset !== part.offset || slice.sizeBytes !== part.sizeBytes) {
    throw partInvalid(path, `${partPaths.part} contradicts itself: part ${part.part} of ${part.parts}`);
  }
  if (dataBytes === part.sizeBytes) return;
  throw partInvalid(path, `part ${part.part} has ${dataBytes} bytes of the kit, expected ${part.sizeBytes}`);
}

/** Whether the bytes of a part have its digest. */
export async function isUndamaged(
  { tar, part }: PartFile,
  { signal, onBytes }: OperationOptions & { readonly onBytes?: ((sizeBytes: number) => void) | undefined },
): Promise<boolean> {
  const digester = new Digester();
  for await (const chunk of tar.read(partPaths.data, undefined, true)) {
    signal?.throwIfAborted();
    digester.update(chunk);
    onBytes?.(chunk.byteLength);
  }
  return digester.digest() === part.digest;
}
