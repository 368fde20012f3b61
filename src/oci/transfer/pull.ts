import type { Descriptor } from '#core';
import type { Repository } from '#oci/image';
import type { PulledFile, PullOptions } from './pull/pull.ts';

/** See pull/pull.ts, which is loaded by the first pull: copies start the sooner without it. */
export async function pullFiles(
  repository: Repository,
  layers: readonly Descriptor[],
  folder: string,
  options: PullOptions = {},
): Promise<PulledFile[]> {
  const { pullFiles: pull } = await import('./pull/pull.ts');
  return pull(repository, layers, folder, options);
}
