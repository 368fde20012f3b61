import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CodedError,
  compareText,
  type Descriptor,
  type Digest,
  encodeCanonical,
  fileError,
  type Instant,
  isCoded,
  isSystemError,
  type JsonObject,
  mediaTypes,
  withLock,
  writeFileDurable,
} from '#core';
import {
  bareDescriptor,
  contentOf,
  describeBytes,
  emptyConfig,
  emptyDescriptor,
  fetchBytes,
  layersOf,
  type OperationOptions,
  packManifest,
  parseManifest,
  type Repository,
  type TagOptions,
} from '#oci/image';
import { type ClientState, directoryState } from '#tuf';
import { kitFault } from '../faults.ts';
import { type MirrorState, parseMirrorState } from './mirror-state.generated.ts';

/** What a zone has imported of a mirror. */
export interface Imported {
  readonly stream: string;
  readonly sequence: number;
  /** Of the snapshot's manifest. */
  readonly snapshot: Digest;
  /** The id of the kit that brought it. */
  readonly kit: Digest;
  readonly latestTime: Instant;
  /** Snapshots before this sequence number have left no tags that were to be removed; absent where `--prune` never ran. */
  readonly pruned?: number;
}

const STATE_FILE = 'state.json';
/** Of an import that has begun to write to the target and has not ended. */
const BEGUN_FILE = 'begun.json';
const MAX_STATE_BYTES = 256 * 1024 * 1024;
/** Metadata in the state of a TUF client, without what is in `root_history/`. */
const DOCUMENT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.json$/;

/** The state of a zone in a directory; a copy of it lies as an artifact in the target. */
export class ZoneState {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** What a TUF client remembers. */
  get tuf(): ClientState {
    return directoryState(join(this.dir, 'tuf'));
  }

  /** Runs `work` while no other import uses this state. @throws CodedError ERR_EXPORT_LOCKED at once */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return withLock(join(this.dir, '.lock'), { timeoutMs: 0 }, work);
  }

  /**
   * What was imported last.
   *
   * @returns undefined where nothing was
   * @throws CodedError ERR_EXPORT_SCHEMA, ERR_EXPORT_JSON_INVALID for a damaged state
   */
  read(): Promise<Imported | undefined> {
    return this.#read(STATE_FILE);
  }

  /** What an import that was interrupted has begun to write. @returns undefined where none was; throws as `read` */
  readBegun(): Promise<Imported | undefined> {
    return this.#read(BEGUN_FILE);
  }

  async #read(name: string): Promise<Imported | undefined> {
    const path = join(this.dir, name);
    try {
      return parseMirrorState(await readFile(path), path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw fileError(error, path);
    }
  }

  /** Notes what is imported from now on, before the first write to the target. */
  async writeBegun(imported: Imported): Promise<void> {
    await this.#write(BEGUN_FILE, imported);
  }

  /** Writes what was imported, the last step of an import. */
  async write(imported: Imported): Promise<void> {
    await this.#write(STATE_FILE, imported);
    await rm(join(this.dir, BEGUN_FILE), { force: true });
  }

  async #write(name: string, imported: Imported): Promise<void> {
    const state: MirrorState = { formatVersion: 1, ...imported, metadata: [] };
    await writeFileDurable(join(this.dir, name), encodeState(state));
  }

  /** The state with the metadata of its TUF client, for the copy in the target. */
  async export(imported: Imported): Promise<Uint8Array> {
    const tuf = join(this.dir, 'tuf');
    const names = (await readdir(tuf)).filter((name) => DOCUMENT.test(name)).sort(compareText);
    const metadata: { name: string; content: string }[] = [];
    for (const name of names) metadata.push({ name, content: (await readFile(join(tuf, name))).toString('base64') });
    return encodeState({ formatVersion: 1, ...imported, metadata });
  }

  /** Makes a copy the state of this directory. The metadata in it is verified again by each import. */
  async restore({ metadata, ...imported }: MirrorState): Promise<void> {
    const tuf = this.tuf;
    for (const { name, content } of metadata) {
      await writeFileDurable(join(this.dir, 'tuf', name), Buffer.from(content, 'base64'));
    }
    await tuf.writeTime(imported.latestTime);
    await this.write(imported);
  }
}

function encodeState(state: MirrorState): Uint8Array {
  // Interfaces have no index signature, so the compiler does not see that this holds nothing but JSON.
  return encodeCanonical(state as unknown as JsonObject);
}

/** The tag of the copy of a stream's state in the target. */
export function stateTag(stream: string): string {
  return `${stream}.state`;
}

/** How the copy of a state is named in the target. */
export interface StateName {
  readonly tag: string;
  /** What the tag is resolved by. */
  readonly name: string;
  /** By which it is set. */
  readonly options: TagOptions;
}

/**
 * The copy of the state in the target.
 *
 * @returns undefined where there is none
 * @throws CodedError ERR_EXPORT_TUF_STATE where the tag names something else
 */
export async function readStateCopy(
  target: Repository,
  stateName: StateName,
  options: OperationOptions,
): Promise<MirrorState | undefined> {
  const found = await target.resolve(stateName.name, options);
  if (found === undefined) return undefined;
  const name = `${target.name}:${stateName.tag}`;
  try {
    return await readState(target, found, name, options);
  } catch (error) {
    if (!isCoded(error, ...UNREADABLE)) throw error;
    const hint = 'restore the state directory; or, if the kit may replace what the target has, add --reset-baseline';
    throw kitFault('ERR_EXPORT_TUF_STATE', name, 'not the copy of a mirror state', hint, error);
  }
}

/** What is wrong with a manifest, or with a document in one, that somebody else has put there. */
const UNREADABLE = [
  'ERR_EXPORT_MANIFEST_INVALID',
  'ERR_EXPORT_TUF_STATE',
  'ERR_EXPORT_SCHEMA',
  'ERR_EXPORT_JSON_INVALID',
  'ERR_EXPORT_TOO_LARGE',
  'ERR_EXPORT_NOT_FOUND',
] as const;

async function readState(
  target: Repository,
  found: Descriptor,
  name: string,
  options: OperationOptions,
): Promise<MirrorState> {
  const manifest = parseManifest(await fetchBytes(target, found, options), found.mediaType, name);
  const layer = manifest.kind === 'index' ? undefined : layersOf(manifest)[0];
  if (layer?.mediaType !== mediaTypes.mirrorState) throw kitFault('ERR_EXPORT_TUF_STATE', name, 'not a mirror state');
  const limits = { ...options, maxBytes: MAX_STATE_BYTES };
  return parseMirrorState(await fetchBytes(target, bareDescriptor(layer), limits), name);
}

/** Writes the copy of the state to the target, where it differs. */
export async function writeStateCopy(
  target: Repository,
  { tag, name, options: tagOptions }: StateName,
  bytes: Uint8Array,
  options: OperationOptions,
): Promise<void> {
  const layer = describeBytes(mediaTypes.mirrorState, bytes);
  const manifest = packManifest({ artifactType: mediaTypes.mirrorState, layers: [layer] });
  const before = await target.resolve(name, options);
  if (before?.digest === manifest.descriptor.digest) return;
  await target.push(bareDescriptor(emptyDescriptor), contentOf(emptyConfig), options);
  await target.push(layer, contentOf(bytes), options);
  await target.push(manifest.descriptor, contentOf(manifest.bytes), options);
  await target.tag(manifest.descriptor, tag, { ...options, ...tagOptions });
  await target.flush?.(options);
}

/**
 * Refuses a kit that must not follow what was imported.
 *
 * @throws CodedError ERR_EXPORT_STREAM_MISMATCH, ERR_EXPORT_TUF_ROLLBACK
 */
export function requireSuccessor(
  before: Imported | undefined,
  next: { readonly stream: string; readonly sequence: number; readonly snapshot: Digest },
  path: string,
): void {
  if (before === undefined) return;
  if (before.stream !== next.stream) {
    const what = `a kit of stream ${next.stream}, but this state is of stream ${before.stream}`;
    const hint = 'use a state directory for each mirror: --state DIR';
    throw kitFault('ERR_EXPORT_STREAM_MISMATCH', path, what, hint);
  }
  const isOlder = next.sequence < before.sequence;
  if (!isOlder && (next.sequence !== before.sequence || next.snapshot === before.snapshot)) return;
  const what = isOlder
    ? `snapshot ${next.sequence}, but ${before.sequence} was imported already`
    : `another snapshot ${next.sequence} than the one that was imported`;
  throw new CodedError('ERR_EXPORT_TUF_ROLLBACK', `${path}: ${what}`, {
    hint: 'get the newest kit; to go back, delete the state directory and use --reset-baseline',
    details: { path, sequence: next.sequence, imported: before.sequence },
  });
}
