import { annotationKeys, type Descriptor } from '#core';
import { Places } from './places.ts';

/** A layer that names the file or, where it is a packed folder, the folder that it is. */
export interface TitledLayer {
  readonly layer: Descriptor;
  /** A relative path with `/`, by which it stays in its folder; of a packed folder also `.`. */
  readonly title: string;
  /** It is a tar of the folder, as `oras push` packs one, and is to be unpacked. */
  readonly isFolder: boolean;
}

/** How titles are taken. */
export interface TitleOptions {
  /** Leave packed folders packed, as files. */
  readonly noUnpack?: boolean | undefined;
  /** Take names too that only some file systems can hold. */
  readonly allowUnportableNames?: boolean | undefined;
}

/**
 * The layers that have titles, and their places, once it is sure that all of them can lie in one folder.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID for titles that would leave the folder, that no file can have, that
 *   some file system cannot hold, or that are in each other's way
 */
export function listTitled(
  layers: readonly Descriptor[],
  options: TitleOptions = {},
): { readonly titled: readonly TitledLayer[]; readonly places: Places } {
  const places = new Places(options.allowUnportableNames ?? false);
  const titled = layers.flatMap((layer): TitledLayer[] => {
    const title = layer.annotations?.[annotationKeys.title];
    if (title === undefined) return [];
    const isFolder = !options.noUnpack && layer.annotations?.[annotationKeys.orasUnpack] === 'true';
    return [{ layer, title, isFolder }];
  });
  for (const { layer, title, isFolder } of titled) {
    const from = { layer, what: 'title' };
    if (!isFolder) places.addFile(title, layer.digest, from);
    else if (title !== '.') places.addFolder(title, from);
  }
  return { titled, places };
}
