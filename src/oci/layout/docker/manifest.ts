import { CodedError, type JsonObject, type JsonValue, parseJson } from '#core';

/** One image of a docker archive (`manifest.json`, moby image/spec v1.2, "Combined Image JSON"). */
export interface DockerImage {
  /** Path of its config in the tar. */
  readonly config: string;
  /** Full names: `REPO:TAG`. */
  readonly repoTags: readonly string[];
  /** Paths of its layers, the lowest first. */
  readonly layers: readonly string[];
}

/** The file that lists the images of a docker archive. */
export const dockerManifestPath = 'manifest.json';
/** Of what may be listed: images, tags and layers. */
const MAX_ITEMS = 100_000;

/**
 * The images that `manifest.json` lists.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID
 */
export function parseDockerManifest(bytes: Uint8Array, name: string): readonly DockerImage[] {
  let value: JsonValue;
  try {
    value = parseJson(bytes, `${name}: ${dockerManifestPath}`);
  } catch (cause) {
    throw dockerInvalid(name, `${dockerManifestPath} is not readable as JSON`, cause);
  }
  if (!Array.isArray(value)) throw dockerInvalid(name, `${dockerManifestPath} is not a list of images`);
  return (value as readonly JsonValue[]).map((item, i) => {
    const image = item as JsonObject | null;
    const config = image?.['Config'];
    if (typeof config !== 'string') throw dockerInvalid(name, `${dockerManifestPath}: [${i}].Config is not a path`);
    return {
      config: pathIn(config),
      repoTags: texts(image?.['RepoTags'], name, `[${i}].RepoTags`),
      layers: texts(image?.['Layers'], name, `[${i}].Layers`).map(pathIn),
    };
  });
}

/** A path as the files of the tar are named: some writers have `./FILE` (Guix) or `/FILE` (buildpacks). */
function pathIn(text: string): string {
  const parts = text.split('/');
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

function texts(value: JsonValue | undefined, name: string, field: string): readonly string[] {
  // Go writes an empty list as null.
  if (value == null) return [];
  const isList = Array.isArray(value) && value.length <= MAX_ITEMS && value.every((text) => typeof text === 'string');
  if (!isList) throw dockerInvalid(name, `${dockerManifestPath}: ${field} is not a list of strings`);
  return value as readonly string[];
}

/** The error for a docker archive that is damaged. */
export function dockerInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_ARCHIVE_INVALID', `${name}: ${what}`, {
    hint: 'check that docker save or skopeo wrote this file, and that it is complete',
    details: { name },
    cause,
  });
}
