import { type ArchiveLimits, decodeTarTree, decompressed, type TarFile } from '#archive';
import { algorithmOf, annotationKeys, CodedError, type Descriptor, Digester, isDigest } from '#core';
import { digestOfFile } from './existing.ts';
import { inFolder, type OutputFolder } from './output-folder.ts';
import { type Leftovers, PartialFile } from './partial.ts';
import type { Places } from './places.ts';

/** What one packed folder may hold; it is listed in memory before anything of it is written. */
const LIMITS: Partial<ArchiveLimits> = { maxEntries: 200_000 };

/** A file or folder of a packed folder, by its path below the output folder. */
interface Packed {
  readonly path: string;
  /** Undefined for a folder. */
  readonly descriptor: Descriptor | undefined;
  readonly executable: boolean;
}

/**
 * Unpacks the folder `title`, as `oras push` packs one: a tar, mostly in gzip, of entries below the title. All of it is
 * read and checked before the first file is written, and each file is whole and checked before it has its name.
 *
 * @param content the layer, which was checked against its digest
 * @returns how many files it holds
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE for links, devices and paths outside of the
 *   title, ERR_EXPORT_ARCHIVE_LIMIT, ERR_EXPORT_DIGEST_MISMATCH for a tar of another digest than announced,
 *   ERR_EXPORT_MANIFEST_INVALID for names that cannot lie in one folder
 */
export async function unpackFolder(
  content: PartialFile,
  layer: Descriptor,
  title: string,
  into: { readonly root: OutputFolder; readonly places: Places; readonly leftovers: Leftovers },
  signal: AbortSignal | undefined,
): Promise<number> {
  const packed = await listPacked(content, layer, title, into.places, signal).catch(withHint);
  if (title !== '.') await inFolder(into.root, title, async () => undefined);
  let files = 0;
  for await (const entry of decodeTarTree(
    decompressed(content.content(), layer.digest, LIMITS),
    layer.digest,
    LIMITS,
  )) {
    signal?.throwIfAborted();
    const place = packed[files++] as Packed;
    await layDown(into, place, entry);
  }
  return packed.filter(({ descriptor }) => descriptor !== undefined).length;
}

/** Reads all of it once: what it holds, and that it is what was announced. */
async function listPacked(
  content: PartialFile,
  layer: Descriptor,
  title: string,
  places: Places,
  signal: AbortSignal | undefined,
): Promise<Packed[]> {
  const wanted = layer.annotations?.[annotationKeys.orasContentDigest];
  if (wanted !== undefined && !isDigest(wanted))
    throw mismatch(layer, `${JSON.stringify(wanted.slice(0, 100))} is not a digest`);
  const tar = new Digester(wanted === undefined ? 'sha256' : algorithmOf(wanted));
  const hashed = async function* () {
    for await (const chunk of decompressed(content.content(), layer.digest, LIMITS)) {
      signal?.throwIfAborted();
      tar.update(chunk);
      yield chunk;
    }
  };
  const packed: Packed[] = [];
  for await (const entry of decodeTarTree(hashed(), layer.digest, LIMITS)) {
    const path = placeOf(entry, title, layer);
    const from = { layer, what: 'entry' };
    const executable = (entry.mode & 0o111) !== 0;
    if (entry.isFolder) {
      if (path !== '') places.addFolder(path, from);
      packed.push({ path, descriptor: undefined, executable });
      continue;
    }
    const digester = new Digester('sha256');
    for await (const chunk of entry.chunks()) digester.update(chunk);
    const descriptor = { mediaType: 'application/octet-stream', digest: digester.digest(), size: entry.size };
    places.addFile(path, descriptor.digest, from);
    packed.push({ path, descriptor, executable });
  }
  if (wanted === undefined) return packed;
  const found = tar.digest();
  if (found !== wanted) throw mismatch(layer, `its tar has digest ${found}, expected ${wanted}`);
  return packed;
}

async function layDown(
  { root, leftovers }: { readonly root: OutputFolder; readonly leftovers: Leftovers },
  { path, descriptor, executable }: Packed,
  entry: TarFile,
): Promise<void> {
  if (path === '') return;
  if (descriptor === undefined) return inFolder(root, path, async () => undefined);
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  await inFolder(root, path.slice(0, Math.max(slash, 0)), async (folder) => {
    if ((await digestOfFile(folder, name, descriptor, { beExecutable: executable })) !== descriptor.digest) {
      const partial = await PartialFile.create(folder, descriptor);
      try {
        for await (const chunk of entry.chunks()) await partial.write(chunk);
        await partial.check();
        await partial.moveTo(name, executable);
      } catch (error) {
        await partial.end(false);
        throw error;
      }
    }
    await leftovers.remove(folder, descriptor);
    await folder.check();
  });
}

/** Entries are named from the folder that it was packed in, so that they begin with its title. */
function placeOf({ path }: TarFile, title: string, layer: Descriptor): string {
  if (title === '.' || path === title || path.startsWith(`${title}/`)) return path;
  const what = `layer ${layer.digest}: entry ${JSON.stringify(path.slice(0, 300))}: is not below ${JSON.stringify(title)}`;
  throw new CodedError('ERR_EXPORT_ARCHIVE_UNSAFE', what, { details: { digest: layer.digest, entry: path } });
}

function mismatch(layer: Descriptor, what: string): CodedError {
  return new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `layer ${layer.digest}: ${what}`, {
    details: { digest: layer.digest },
  });
}

function withHint(error: unknown): never {
  if (!(error instanceof CodedError) || error.code === 'ERR_EXPORT_MANIFEST_INVALID') throw error;
  throw new CodedError(error.code, error.message, {
    hint: 'pack the directory again, or keep the packed file with --no-unpack',
    details: error.details,
    cause: error,
  });
}
