import { type Descriptor, type Digest, isCoded } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { bareDescriptor } from '#oci/image';
import type { CopyFailure } from './copy-failure.ts';
import type { CopyReport } from './report.ts';
import { Semaphore } from './semaphore.ts';

/** How a check is watched. */
export interface FidelityOptions extends OperationOptions {
  readonly concurrency?: number | undefined;
  /** Called with the bytes that have just been read. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

/**
 * Asks the target, after a copy, for what a push alone does not prove: that each tag names what it was set to, and that
 * each referrer is listed for its subject. Empty where all is as it should be.
 */
export async function verifyCopy(
  target: Repository,
  { tags, referrers }: CopyReport,
  options: FidelityOptions = {},
): Promise<CopyFailure[]> {
  const { signal } = options;
  const semaphore = new Semaphore(options.concurrency ?? 8);
  const lost = (descriptor: Descriptor, message: string, about: Partial<CopyFailure>): CopyFailure => {
    return { descriptor: bareDescriptor(descriptor), ...about, code: 'ERR_EXPORT_NOT_FOUND', message, mayPass: true };
  };
  const checkTag = async ({ tag, descriptor, repository, inFull }: CopyReport['tags'][number]) => {
    const now = await target.resolve(inFull ? `${repository}:${tag}` : tag, { signal });
    if (now?.digest === descriptor.digest) return [];
    const instead = now === undefined ? 'is not there' : `names ${now.digest}`;
    return [lost(descriptor, `${target.name}: the tag ${tag} ${instead} after it was set`, { tag })];
  };
  const checkSubject = async (subject: Digest, expected: readonly Descriptor[]) => {
    const listed = new Set<Digest>();
    for await (const { digest } of target.referrers(subject, { signal })) listed.add(digest);
    return expected
      .filter(({ digest }) => !listed.has(digest))
      .map((descriptor) => {
        const what = `${target.name}: accepted ${descriptor.digest} but does not list it as a referrer of ${subject}`;
        return lost(descriptor, what, { namedBy: subject });
      });
  };
  const bySubject = Map.groupBy(referrers, (referrer) => referrer.subject);
  const found = await Promise.all([
    ...tags.map((tag) => semaphore.run(() => checkTag(tag))),
    ...[...bySubject].map(([subject, group]) =>
      semaphore.run(() =>
        checkSubject(
          subject,
          group.map(({ descriptor }) => descriptor),
        ),
      ),
    ),
  ]);
  return found.flat();
}

/**
 * Reads contents from a repository to their end and checks size and digest.
 *
 * @param repository opened anew: what pushed there may answer from memory
 * @returns what is missing or damaged; other failures throw
 */
export async function verifyContents(
  repository: Repository,
  contents: readonly Descriptor[],
  options: FidelityOptions = {},
): Promise<CopyFailure[]> {
  const semaphore = new Semaphore(options.concurrency ?? 4);
  const { signal } = options;
  const read = async (descriptor: Descriptor, asManifest: boolean): Promise<CopyFailure[]> => {
    try {
      for await (const chunk of await repository.fetch(descriptor, { signal, asManifest })) {
        options.onBytes?.(chunk.byteLength);
      }
      return [];
    } catch (error) {
      const elsewhere = !asManifest && isCoded(error, 'ERR_EXPORT_NOT_FOUND');
      if (elsewhere && (await repository.isManifest?.(descriptor, { signal }))) return read(descriptor, true);
      if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND', 'ERR_EXPORT_DIGEST_MISMATCH', 'ERR_EXPORT_SIZE_MISMATCH'))
        throw error;
      return [{ descriptor, code: error.code, message: error.message, mayPass: false }];
    }
  };
  return (await Promise.all(contents.map((descriptor) => semaphore.run(() => read(descriptor, false))))).flat();
}
