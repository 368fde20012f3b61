import type { Command } from 'commander';
import { CodedError } from '#core';
import {
  type CopyReport,
  type CopyTag,
  checkFidelity,
  copy,
  formatReference,
  listRoots,
  listUnattached,
  nameOf,
  nameTags,
  openRepository,
  parseReference,
  type Reference,
  type Repository,
  verifyContents,
} from '#oci';
import { type CopyResult, copyAsJson, copyAsText, failureOf, type ReadBack, type Root } from '../copy-report.ts';
import { type Io, writeText } from '../io.ts';
import { isPipe, resultStream } from '../pipe.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';
import { resumable } from '../resumable.ts';
import {
  type CommonOptions,
  openOptions,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from './options.ts';

interface CopyCommandOptions extends CommonOptions, TransportOptions {
  readonly allTags: boolean;
  readonly checkAll: boolean;
  readonly verify: boolean;
}

const NOTES = `
It ends by a report of what the source has and the target has not: missing at the source, refused by the target,
left out on purpose. A registry that holds a manifest is taken at its word for the blobs of it; the report counts them.
If one was deleted there, --verify finds that it is gone, and --check-all sends it again. Exit status 1 if anything is
missing or refused, 5 if running it again may mend it, 3 if --verify finds anything gone or damaged.

Examples:
  export-center copy 127.0.0.1:8080/security/feed:1 oci:feed:1
  export-center copy --all-tags oci:feed registry.example/mirror/feed
  export-center copy registry.example/security/feed:1 oci-archive:-:1 | ssh inside export-center copy oci-archive:-:1 oci:feed`;

/** `copy`: an artifact, or a whole repository, with all that hangs on it. */
export function copyCommand(command: Command, io: Io): void {
  command
    .argument('<source>', 'what to copy, by tag or digest; with --all-tags the repository')
    .argument('<target>', 'where to; the tag of the source unless it has one')
    .option('--all-tags', 'copy every tag of the source, and the manifests without one that it lists', false)
    .option('--check-all', 'ask a registry for each blob, also below manifests that it has', false)
    .option('--verify', 'afterwards read everything back from the target and check its digest', false)
    .addHelpText('after', NOTES);
  withTransportOptions(withCommonOptions(command)).action(
    (source: string, target: string, options: CopyCommandOptions) =>
      resumable(io, () => runCopy(io, source, target, options)),
  );
}

async function runCopy(io: Io, from: string, to: string, options: CopyCommandOptions): Promise<void> {
  const [sourceReference, targetReference] = [parseReference(from), parseReference(to)];
  if (isPipe(targetReference) && options.verify) {
    throw new CodedError('ERR_EXPORT_USAGE', '--verify: what went into a pipe cannot be read back', {
      hint: 'leave out --verify; whoever reads the pipe checks every digest',
    });
  }
  const progress = createProgressLine(io, options.quiet);
  const opening = await openOptions(io, [sourceReference, targetReference], options, progress);
  const targetOpening = { ...opening, create: true, writes: true };
  let result: CopyResult;
  try {
    await using resources = new AsyncDisposableStack();
    const source = await openRepository(sourceReference, opening);
    resources.defer(() => source.close());
    const roots = await rootsOf(source, sourceReference, targetReference, options.allTags, io.signal);
    const target = await openRepository(targetReference, targetOpening);
    resources.defer(() => target.close());
    result = await transfer(source, target, roots, options, progress, io.signal);
    // Where nothing is at the target, there may be nothing to open either.
    if (options.verify && result.report.settled.length > 0) {
      const again = await openRepository(targetReference, opening);
      resources.defer(() => again.close());
      result = { ...result, readBack: await readBack(again, result.report, progress, io.signal) };
    }
  } finally {
    progress.clear();
  }
  const text = options.output === 'json' ? copyAsJson(result) : copyAsText(result);
  await writeText(resultStream(io, [targetReference]), text);
  const failure = failureOf(result);
  if (failure !== undefined) throw failure;
}

interface Roots {
  readonly list: readonly Root[];
  readonly missing: CopyReport['missing'];
  readonly unsupported: CopyReport['unsupported'];
}

async function rootsOf(
  source: Repository,
  from: Reference,
  to: Reference,
  allTags: boolean,
  signal: AbortSignal,
): Promise<Roots> {
  const unsupported = await listUnattached(source);
  if (allTags) {
    const { tags, untagged, missing } = await listRoots(source, { signal });
    const named = await nameTags(source, from, to, tags);
    const list: Root[] = [...named, ...untagged.map((descriptor) => ({ descriptor, tag: undefined }))];
    if (list.length + missing.length > 0) return { list, missing, unsupported };
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${source.name}: there are no tags`, { hint: 'check the reference' });
  }
  const descriptor = await source.resolve(nameOf(from), { signal });
  if (descriptor === undefined) {
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${formatReference(from)}: there is no such artifact`, {
      hint: 'check the reference; export-center ls lists the tags that are there',
    });
  }
  const tag = to.tag ?? from.tag;
  const list = tag === undefined ? [{ descriptor, tag }] : await namedRoot(source, from, to, { descriptor, tag });
  return { list, missing: [], unsupported };
}

/** A tag that is another at the target than at the source is of the same repository. */
async function namedRoot(source: Repository, from: Reference, to: Reference, root: CopyTag): Promise<readonly Root[]> {
  const asListed = from.tag === undefined || from.digest !== undefined ? undefined : from.tag;
  const known = asListed === undefined ? undefined : await source.repositoryOf?.(asListed);
  return nameTags(source, from, to, [{ ...root, ...(known === undefined ? {} : { repository: known }) }]);
}

async function transfer(
  source: Repository,
  target: Repository,
  roots: Roots,
  options: CopyCommandOptions,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<CopyResult> {
  const tags = roots.list.flatMap(({ tag, ...rest }) => (tag === undefined ? [] : [{ ...rest, tag }]));
  const distinct = new Map(roots.list.map(({ descriptor }) => [descriptor.digest, descriptor]));
  const report = await copy(source, target, [...distinct.values()], {
    referrers: true,
    // Of a whole repository they are among the tags.
    cosignTags: !options.allTags,
    tags,
    keepGoing: true,
    checkAll: options.checkAll,
    signal,
    onProgress: (_, { settledBytes, movingBytes, knownBytes, underWay }) =>
      progress.listen({
        stage: 'send',
        done: settledBytes + movingBytes,
        total: knownBytes,
        unit: 'bytes',
        underWay,
      }),
  });
  const lost = await checkFidelity(target, report, { signal });
  return {
    target: target.name,
    roots: roots.list,
    report,
    missing: [...roots.missing, ...report.missing],
    unsupported: [...roots.unsupported, ...report.unsupported],
    refused: [...report.refused, ...lost],
    readBack: undefined,
  };
}

async function readBack(
  target: Repository,
  { settled }: CopyReport,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<ReadBack> {
  const total = settled.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const onBytes = (sizeBytes: number) => {
    done += sizeBytes;
    progress.listen({ stage: 'check', done, total, unit: 'bytes' });
  };
  const found = await verifyContents(target, settled, { signal, onBytes });
  const isGone = ({ code }: { readonly code: string }) => code === 'ERR_EXPORT_NOT_FOUND';
  return { gone: found.filter(isGone), damaged: found.filter((shortfall) => !isGone(shortfall)) };
}
