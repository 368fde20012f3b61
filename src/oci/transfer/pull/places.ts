import { CodedError, type Descriptor, type Digest } from '#core';
import { isPartialName } from './partial.ts';
import { foldName, whyUnportable } from './portable-names.ts';

/** What file systems take as the name of one file, and as a path. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;
const MAX_DEPTH = 128;
/** Files and folders of one artifact; what it takes to tell them apart is held in memory. */
const MAX_PLACES = 300_000;
const SHOWN_CHARS = 100;
const CLASH_HINT = 'rebuild the artifact: each of its files needs its own path';
const PORTABLE_HINT = 'rebuild the artifact, or pull with --allow-unportable-names onto a file system that holds it';

/** Where a name comes from: a layer's title, or the name of an entry in a layer. */
export interface NameSource {
  readonly layer: Descriptor;
  /** What its name is called in messages: `title`, `entry`. */
  readonly what: string;
}

interface Place extends NameSource {
  readonly path: string;
  /** Undefined for a folder. */
  readonly digest: Digest | undefined;
}

/** The files and folders of an artifact, each of which must be able to lie beside the others in one folder. */
export class Places {
  readonly #allowUnportable: boolean;
  readonly #places = new Map<string, Place>();
  readonly #folded = new Map<string, string>();

  /** @param allowUnportable take names too that only some file systems can hold */
  constructor(allowUnportable: boolean) {
    this.#allowUnportable = allowUnportable;
  }

  /**
   * Takes in a file. The same content may have a place twice.
   *
   * @throws CodedError ERR_EXPORT_MANIFEST_INVALID for a path that would leave the folder, that no file can have, or
   *   that is in another's way
   */
  addFile(path: string, digest: Digest, from: NameSource): void {
    this.#check(path, from);
    this.#add({ path, digest, ...from });
  }

  /** Takes in a folder, which may be there already; as addFile. */
  addFolder(path: string, from: NameSource): void {
    this.#check(path, from);
    this.#add({ path, digest: undefined, ...from });
  }

  #check(path: string, from: NameSource): void {
    const parts = path.split('/');
    const isPath = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\p{Cc}]/u.test(part));
    if (!isPath || /^[A-Za-z]:/.test(path) || !path.isWellFormed() || parts.some(isPartialName)) {
      throw refusal(from, path, 'is not a path', 'do not use this artifact: a file of this name could do harm');
    }
    const hint = 'rebuild the artifact with shorter names';
    if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
      throw refusal(from, path, `has a part of more than ${MAX_NAME_BYTES} bytes`, hint);
    }
    if (Buffer.byteLength(path) > MAX_PATH_BYTES || parts.length > MAX_DEPTH) {
      throw refusal(from, path, `has more than ${MAX_PATH_BYTES} bytes, or more than ${MAX_DEPTH} parts`, hint);
    }
    const why = this.#allowUnportable ? undefined : parts.map(whyUnportable).find((each) => each !== undefined);
    if (why !== undefined) throw refusal(from, path, why, PORTABLE_HINT);
  }

  #add(place: Place): void {
    const other = this.#places.get(place.path);
    if (other !== undefined) this.#meet(place, other);
    if (other !== undefined) return;
    const slash = place.path.lastIndexOf('/');
    const parent = slash === -1 ? undefined : place.path.slice(0, slash);
    const above = parent === undefined ? undefined : this.#places.get(parent);
    if (above?.digest !== undefined) throw below(place, above);
    if (parent !== undefined && above === undefined) this.#add({ ...place, path: parent, digest: undefined });
    this.#fold(place);
    this.#places.set(place.path, place);
    if (this.#places.size > MAX_PLACES) {
      throw refusal(place, place.path, `is one of more than ${MAX_PLACES} files and directories`, CLASH_HINT);
    }
  }

  /** Two of one path. */
  #meet(place: Place, other: Place): void {
    if (place.digest === other.digest) return;
    // It is the deeper one that errs.
    if (place.digest === undefined) throw below(place, other);
    if (other.digest === undefined) throw below(other, place);
    throw refusal(place, place.path, `is also that of layer ${other.layer.digest}`, CLASH_HINT);
  }

  #fold(place: Place): void {
    if (this.#allowUnportable) return;
    const folded = foldName(place.path);
    const other = this.#folded.get(folded);
    if (other !== undefined) {
      const shown = JSON.stringify(other.slice(0, SHOWN_CHARS));
      throw refusal(
        place,
        place.path,
        `is the same as ${shown} on file systems that ignore case or accents`,
        PORTABLE_HINT,
      );
    }
    this.#folded.set(folded, place.path);
  }
}

function below(place: Place, file: Place): CodedError {
  return refusal(place, place.path, `is below or in the place of the file of layer ${file.layer.digest}`, CLASH_HINT);
}

function refusal({ layer: { digest }, what }: NameSource, path: string, why: string, hint: string): CodedError {
  const shown = JSON.stringify(path.length > SHOWN_CHARS ? `${path.slice(0, SHOWN_CHARS)}…` : path);
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `layer ${digest}: its ${what} ${shown} ${why}`, {
    hint,
    details: { digest, [what]: path },
  });
}
