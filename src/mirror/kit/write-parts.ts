import { digestOf } from '#core';
import type { OperationOptions } from '#oci/image';
import type { Signer } from '#signing';
import { type PartsReport, writeParts } from '../parts.ts';
import { type KitFiles, type KitPlan, kitPaths } from './plan.ts';
import type { KitSources } from './sources.ts';
import { kitTarBytes, streamKit } from './write-tar.ts';

/** How a kit is cut into parts. */
export interface KitPartsOptions extends OperationOptions {
  /** Most bytes that the file of a part has. */
  readonly partBytes: number;
  /** Signs each part; the one that signed the kit. */
  readonly signer: Signer | undefined;
  /** Numbers of the parts to write; all unless told. */
  readonly only?: readonly number[] | undefined;
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

/**
 * Writes the tar of a kit in parts into a directory.
 *
 * @throws CodedError those of writeParts, and ERR_EXPORT_SOURCE_MOVED
 */
export async function writeKitParts(
  plan: KitPlan,
  files: KitFiles,
  dir: string,
  sources: KitSources,
  { partBytes, signer, only, signal, onBytes }: KitPartsOptions,
): Promise<PartsReport> {
  const { stream, sequence } = plan.snapshot.kit;
  const request = {
    ...{ kit: plan.id, stream, sequence, partBytes, signer },
    checksums: digestOf(files.get(kitPaths.checksums) as Uint8Array),
    tarBytes: await kitTarBytes(plan, files),
    streamFrom: (offset: number) => streamKit(plan, files, sources, offset, { signal }),
  };
  return writeParts(request, dir, { only, signal, onBytes });
}
