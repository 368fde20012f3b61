import { CodedError, type Digest, isCoded } from '#core';
import type { OperationOptions } from '#oci/image';
import { findHolders } from '../delta.ts';
import type { KitSnapshot } from '../kit.ts';
import { type MirrorContent, type MirrorSnapshot, readSnapshot } from '../snapshot.ts';
import type { ZonePlace } from './place.ts';
import type { Imported } from './state.ts';

/** Most digests that one message names; the details of the error have all. */
const MAX_NAMED = 1000;

/** What a delta is held against. */
export interface BaseFacts {
  /** The kit's name in messages. */
  readonly path: string;
  readonly place: ZonePlace;
  readonly snapshot: KitSnapshot;
  /** What was imported before. */
  readonly before: Imported | undefined;
}

/**
 * Proves that a target has all that a delta does not carry: a content may lie in any repository in which the new or the
 * last imported snapshot has it.
 *
 * @returns the repository that has each content, by its name in the zone
 * @throws CodedError ERR_EXPORT_BASE_MISSING with every missing digest, and the kit that would do
 */
export async function requireBase(
  facts: BaseFacts,
  reliedOn: readonly MirrorContent[],
  options: OperationOptions,
): Promise<ReadonlyMap<Digest, string>> {
  const { place, snapshot, before } = facts;
  const wanted = new Set(reliedOn.map(({ digest }) => digest));
  const isOpen = (digest: Digest) => wanted.has(digest);
  const holders = await findHolders(place, snapshot.snapshot.repositories, isOpen, options);
  for (const digest of holders.keys()) wanted.delete(digest);
  if (wanted.size === 0) return holders;
  const earlier = before === undefined ? undefined : await readEarlier(facts, before.snapshot, options);
  const elsewhere = await findHolders(place, earlier?.repositories ?? [], isOpen, options);
  for (const [digest, name] of elsewhere) {
    holders.set(digest, name);
    wanted.delete(digest);
  }
  if (wanted.size > 0) throw baseMissing(facts, reliedOn, wanted, earlier);
  return holders;
}

/** The snapshot that was imported last, as the target has it. */
async function readEarlier(
  { place, snapshot: { kit } }: BaseFacts,
  digest: Digest,
  options: OperationOptions,
): Promise<MirrorSnapshot | undefined> {
  const target = await place.find(kit.snapshot.repository);
  try {
    return target && (await readSnapshot(target, digest, options));
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
    return undefined;
  } finally {
    await target?.close();
  }
}

function baseMissing(
  { path, place, snapshot: { kit }, before }: BaseFacts,
  reliedOn: readonly MirrorContent[],
  wanted: ReadonlySet<Digest>,
  earlier: MirrorSnapshot | undefined,
): CodedError {
  const missing = reliedOn.map(({ digest }) => digest).filter((digest) => wanted.has(digest));
  const rest = missing.length > MAX_NAMED ? `, and ${missing.length - MAX_NAMED} more` : '';
  const list = missing.slice(0, MAX_NAMED).join(', ') + rest;
  const repair = repairOf(earlier, before, wanted);
  const what = `a delta on ${kit.bases.map(({ kind, digest }) => `${kind} ${digest}`).join(' or ')}`;
  const hint =
    repair === undefined
      ? 'get a full kit: export-center mirror export SPEC --to KIT'
      : `get a delta on what was imported: export-center mirror export SPEC --to KIT --base ${repair}`;
  return new CodedError('ERR_EXPORT_BASE_MISSING', `${path}: ${what}, and ${place.name} lacks ${list}`, {
    hint,
    details: { path, target: place.name, missing, base: repair ?? null },
  });
}

/** The base that a kit for this zone may have; undefined where the zone has none, or has lost content of it. */
function repairOf(
  earlier: MirrorSnapshot | undefined,
  before: Imported | undefined,
  wanted: ReadonlySet<Digest>,
): string | undefined {
  if (before === undefined || earlier === undefined) return undefined;
  const isLost = earlier.repositories.some(({ manifests, blobs }) =>
    [...manifests, ...blobs].some(({ digest }) => wanted.has(digest)),
  );
  return isLost ? undefined : `${before.stream}.${before.sequence}`;
}
