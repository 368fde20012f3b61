import { type JsonObject, parseJsonObject } from '#core';
import { collect } from '#oci/image';
import { type LayoutFiles, layoutInvalid } from './files.ts';
import { emptyIndex, type LayoutIndex, maxIndexBytes, parseLayoutIndex } from './index-file.ts';

/** The file that says that a folder is a layout, and the one version there is (image-layout.md#oci-layout-file). */
export const layoutMarker = { path: 'oci-layout', text: '{"imageLayoutVersion":"1.0.0"}' } as const;
export const indexPath = 'index.json';

/** Reads `index.json` again only when it has changed. */
export class IndexSource {
  readonly #files: LayoutFiles;
  readonly #name: string;
  #read: { version: string | undefined; index: LayoutIndex } | undefined;

  constructor(files: LayoutFiles, name: string) {
    this.#files = files;
    this.#name = name;
  }

  /** The index as it is now; that of a layout which holds nothing where there is none. */
  async current(): Promise<LayoutIndex> {
    const version = await this.#files.version(indexPath);
    if (this.#read === undefined || this.#read.version !== version) {
      this.#read = { version, index: version === undefined ? emptyIndex : await this.#parse() };
    }
    return this.#read.index;
  }

  async #parse(): Promise<LayoutIndex> {
    const name = `${this.#name}: ${indexPath}`;
    return parseLayoutIndex(await collect(this.#files.read(indexPath), maxIndexBytes, name), name);
  }
}

/** Files of a layout of which it can be told whether blobs are among them. */
type BlobFiles = LayoutFiles & { hasBlobs(): Promise<boolean> };

/** Whether blobs lie there without an index, as a copy of a layout that was cut short leaves it. */
export async function lacksIndex(files: BlobFiles): Promise<boolean> {
  const isThere = async () => (await files.version(indexPath)) !== undefined;
  if ((await isThere()) || !(await files.hasBlobs())) return false;
  // Whoever makes a layout at this moment writes its index before its first blob.
  return !(await isThere());
}

/**
 * Of blobs without an index nobody can say what they are, nor that nothing needs them.
 *
 * @throws CodedError ERR_EXPORT_LAYOUT_INVALID
 */
export async function checkHasIndex(files: BlobFiles, name: string): Promise<void> {
  if (await lacksIndex(files)) throw layoutInvalid(name, `it has blobs but no ${indexPath}`);
}

/**
 * Whether there is a layout.
 *
 * @throws CodedError ERR_EXPORT_LAYOUT_INVALID when there is one of a version that is not known
 */
export async function isLayout(files: LayoutFiles, name: string): Promise<boolean> {
  if ((await files.sizeOf(layoutMarker.path)) === undefined) return false;
  const bytes = await collect(files.read(layoutMarker.path), 64 * 1024, `${name}: ${layoutMarker.path}`);
  let marker: JsonObject;
  try {
    marker = parseJsonObject(bytes, `${name}: ${layoutMarker.path}`);
  } catch (cause) {
    throw layoutInvalid(`${name}: ${layoutMarker.path}`, 'not readable as JSON', cause);
  }
  const version = marker['imageLayoutVersion'];
  if (version !== '1.0.0') {
    throw layoutInvalid(name, `layout version ${JSON.stringify(version)?.slice(0, 40)}, expected "1.0.0"`);
  }
  return true;
}
