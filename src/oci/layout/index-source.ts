import { type JsonObject, parseJsonObject } from '#core';
import { collect } from '../content.ts';
import type { LayoutFiles } from './files.ts';
import { emptyIndex, type LayoutIndex, layoutInvalid, maxIndexBytes, parseLayoutIndex } from './index-file.ts';

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
