import { rm, stat } from 'node:fs/promises';
import { type CodedError, fileError, isCoded, isSystemError, requireFilePlace, withLock } from '#core';
import type { OperationOptions } from '#oci/image';
import { kitFault } from '../faults.ts';
import type { DeltaPlan } from '../service.ts';
import { checkKit, FETCH_ANEW } from './check-kit.ts';
import { type DownloadOptions, downloadKit } from './download.ts';
import { type KitServer, type PullBases, requestPlan } from './kit-server.ts';
import { PartialKit } from './partial-kit.ts';

/** What to pull, and where to. */
export interface PullRequest extends DownloadOptions {
  readonly server: KitServer;
  /** `/v1/mirrors/NAME`. */
  readonly mirror: string;
  readonly bases: PullBases;
  /** The file of the tar. */
  readonly target: string;
  /** Told of the plan, and of what is there already, before anything is fetched. */
  readonly onPlan?: (plan: DeltaPlan, presentBytes: number) => void;
}

/** What a pull did. */
export interface PulledKit {
  readonly plan: DeltaPlan;
  /** Bytes that an earlier run had fetched. */
  readonly resumedAt: number;
  /** 0 where the file was the kit already. */
  readonly receivedBytes: number;
}

/**
 * Fetches a kit into a file. Until it is whole and checked it is called `FILE.HEX.partial`; a run that was interrupted or
 * killed goes on where that ends, as long as the server still has the same kit to give.
 *
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE where there is something else than a file, ERR_EXPORT_LOCKED where another
 *   process fetches to it, those of requestPlan, downloadKit and checkKit; what is damaged is deleted, so that the next
 *   run begins anew
 */
export async function pullKit(request: PullRequest): Promise<PulledKit> {
  const { target, signal } = request;
  await requireFilePlace(target);
  return await withLock(`${target}.lock`, { signal, timeoutMs: 0 }, () => pullLocked(request));
}

async function pullLocked(request: PullRequest): Promise<PulledKit> {
  const { server, mirror, bases, target, signal, onPlan } = request;
  const plan = await requestPlan(server, mirror, bases, signal);
  if (await isKit(target, plan, { signal })) {
    onPlan?.(plan, plan.tarBytes);
    return { plan, resumedAt: plan.tarBytes, receivedBytes: 0 };
  }
  await using partial = await PartialKit.open(target, plan.kit, plan.tarBytes);
  const resumedAt = partial.size;
  onPlan?.(plan, resumedAt);
  let receivedBytes = 0;
  const onBytes = (sizeBytes: number): void => {
    receivedBytes += sizeBytes;
    request.onBytes?.(sizeBytes);
  };
  await downloadKit(server, plan, partial, { signal, onBytes });
  try {
    await checkKit(partial.path, plan.kit, { signal });
  } catch (error) {
    if (isCoded(error, ...DAMAGE)) await rm(partial.path, { force: true });
    throw isCoded(error, ...UNREADABLE) ? damagedArchive(partial.path, error) : error;
  }
  await partial.complete();
  return { plan, resumedAt, receivedBytes };
}

/** What cannot be read at all was damaged on its way, or in an earlier run: for a caller the same as a damaged file. */
function damagedArchive(path: string, cause: Error): CodedError {
  return kitFault('ERR_EXPORT_KIT_INVALID', path, `damaged: ${cause.message}`, FETCH_ANEW, cause);
}

/** What is wrong with a file that cannot be read as a kit. */
const UNREADABLE = [
  'ERR_EXPORT_ARCHIVE_INVALID',
  'ERR_EXPORT_ARCHIVE_UNSAFE',
  'ERR_EXPORT_ARCHIVE_LIMIT',
  'ERR_EXPORT_PART_INVALID',
  'ERR_EXPORT_PART_MISSING',
] as const;

/** What is wrong with a file that is not the kit, or not as it was sent. */
const DAMAGE = ['ERR_EXPORT_KIT_INVALID', 'ERR_EXPORT_KIT_INCOMPLETE', ...UNREADABLE] as const;

/** Whether a file is the kit of a plan already, undamaged. */
async function isKit(path: string, { kit, tarBytes }: DeltaPlan, options: OperationOptions): Promise<boolean> {
  try {
    if ((await stat(path)).size !== tarBytes) return false;
    await checkKit(path, kit, options);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isCoded(error, ...DAMAGE)) return false;
    options.signal?.throwIfAborted();
    throw fileError(error, path);
  }
}
