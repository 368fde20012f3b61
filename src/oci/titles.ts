import { annotationKeys, CodedError, type Descriptor } from '#core';
import { isPartialName } from './partial.ts';

/** What file systems take as the name of one file. */
const MAX_NAME_BYTES = 255;
const SHOWN_CHARS = 100;
const CLASH_HINT = 'have the artifact made again: each of its files needs a place of its own';

/** A layer that names the file it is. */
interface TitledLayer {
  readonly layer: Descriptor;
  /** A relative path with `/`, by which it stays in its folder. */
  readonly title: string;
}

/**
 * The layers that have titles, once it is sure that all of them can lie in one folder.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID for titles that would leave the folder, that no file can have, or
 *   that stand in each other's way
 */
export function listTitled(layers: readonly Descriptor[]): TitledLayer[] {
  const titled: TitledLayer[] = [];
  const byTitle = new Map<string, Descriptor>();
  for (const layer of layers) {
    const title = layer.annotations?.[annotationKeys.title];
    if (title === undefined) continue;
    checkTitle(layer, title);
    const other = byTitle.get(title);
    if (other !== undefined && other.digest !== layer.digest) {
      throw refusal(layer, title, `is also that of layer ${other.digest}`, CLASH_HINT);
    }
    byTitle.set(title, layer);
    titled.push({ layer, title });
  }
  for (const { layer, title } of titled) {
    for (let end = title.indexOf('/'); end >= 0; end = title.indexOf('/', end + 1)) {
      const file = byTitle.get(title.slice(0, end));
      if (file !== undefined)
        throw refusal(layer, title, `lies below the file that is layer ${file.digest}`, CLASH_HINT);
    }
  }
  return titled;
}

function checkTitle(layer: Descriptor, title: string): void {
  const parts = title.split('/');
  const fine = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\p{Cc}]/u.test(part));
  if (!fine || /^[A-Za-z]:/.test(title) || !title.isWellFormed() || isPartialName(parts.at(-1) as string)) {
    throw refusal(layer, title, 'is no path', 'do not use this artifact: a file of this name could do harm');
  }
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    const hint = 'have the artifact made again, with shorter names';
    throw refusal(layer, title, `has a part of more than ${MAX_NAME_BYTES} bytes`, hint);
  }
}

function refusal({ digest }: Descriptor, title: string, why: string, hint: string): CodedError {
  const shown = JSON.stringify(title.length > SHOWN_CHARS ? `${title.slice(0, SHOWN_CHARS)}…` : title);
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `layer ${digest}: its title ${shown} ${why}`, {
    hint,
    details: { digest, title },
  });
}
