import type { Command } from 'commander';
import { CodedError } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { type CopyReport, copy, openRepository, verifyContents, verifyCopy } from '#oci/transfer';
import { requireNoTag } from '../artifact.ts';
import {
  type CopyResult,
  type CopyRootList,
  copyAsJson,
  copyAsText,
  failureOf,
  type ReadBack,
  rootsOf,
  type Selection,
  selectionOf,
} from '../copy.ts';
import { type Io, resumable, writeText } from '../io.ts';
import {
  type CommonOptions,
  collect,
  openOptions,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from '../options.ts';
import { isPipe, resultStream } from '../pipe.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';

interface CopyCommandOptions extends CommonOptions, TransportOptions {
  readonly allTags: boolean;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly semver?: string;
  readonly platform?: string;
  readonly checkAll: boolean;
  readonly verify: boolean;
}

const NOTES = `
The report lists what could not be copied: missing at the source, refused by the target, or excluded. copy assumes
that a registry that has a manifest also has its blobs, and reports how many. If a blob was deleted there, --verify
finds it and --check-all sends it again. Exit status 1 if anything is missing or refused, 5 if running the same command
again may complete the copy, 3 if --verify finds missing or damaged content.

With --platform, a tag points at the image for that platform instead of the index, so a signature of the index does not
verify there. Signatures and other referrers are always copied with their image, also with --include or --exclude.

Examples:
  export-center copy 127.0.0.1:8080/security/feed:1 oci:feed:1
  export-center copy --all-tags oci:feed registry.example/mirror/feed
  export-center copy --all-tags --semver '>=1.2 <2' --exclude '*-debug' registry.example/app oci:app
  export-center copy docker-archive:app.tar:app:1 registry.example/app:1
  export-center copy registry.example/security/feed:1 oci-archive:-:1 | ssh inside export-center copy oci-archive:-:1 oci:feed`;

/** `copy`: an artifact, or a whole repository, with all that hangs on it. */
export function copyCommand(command: Command, io: Io): void {
  command
    .argument('<source>', 'the artifact to copy, by tag or digest; with --all-tags, the repository')
    .argument('<target>', 'where to copy it; without a tag, the tag of the source is used')
    .option('--all-tags', 'copy every tag of the source, and the untagged manifests that a layout lists', false)
    .option(
      '--include <glob>',
      'with --all-tags, copy only tags that match this or another --include (* and ?; repeatable)',
      collect,
    )
    .option('--exclude <glob>', 'with --all-tags, skip tags that match (repeatable)', collect)
    .option(
      '--semver <range>',
      'with --all-tags, copy only tags that are versions in this range, such as ">=1.2 <2"; ">=1.2-0" includes pre-releases and suffixes',
    )
    .option('--platform <os/arch>', 'copy only the image for this platform, such as linux/arm64, from an index')
    .option('--check-all', 'ask the registry for each blob, even below manifests that it already has', false)
    .option('--verify', 'after the copy, read everything back from the target and check its digest', false)
    .addHelpText('after', NOTES);
  withTransportOptions(withCommonOptions(command)).action(
    (source: string, target: string, options: CopyCommandOptions) =>
      resumable(io, () => runCopy(io, source, target, options)),
  );
}

async function runCopy(io: Io, from: string, to: string, options: CopyCommandOptions): Promise<void> {
  const [sourceReference, targetReference] = [parseReference(from), parseReference(to)];
  const selection = selectionOf(options);
  if (selection.allTags) {
    for (const reference of [sourceReference, targetReference]) requireNoTag(reference, '--all-tags');
  }
  if (isPipe(targetReference) && options.verify) {
    throw new CodedError('ERR_EXPORT_USAGE', "--verify can't be used with a pipe as the target", {
      hint: 'omit --verify; the command that reads the pipe checks every digest',
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
    const roots = await rootsOf(source, sourceReference, targetReference, selection, io.signal);
    const target = await openRepository(targetReference, targetOpening);
    resources.defer(() => target.close());
    result = await transfer(source, target, roots, selection, options.checkAll, progress, io.signal);
    // Where nothing is at the target, there may be nothing to open either.
    if (options.verify && result.report.completed.length > 0) {
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

async function transfer(
  source: Repository,
  target: Repository,
  roots: CopyRootList,
  selection: Selection,
  checkAll: boolean,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<CopyResult> {
  const tags = roots.list.flatMap(({ tag, ...rest }) => (tag === undefined ? [] : [{ ...rest, tag }]));
  const distinct = new Map(roots.list.map(({ descriptor }) => [descriptor.digest, descriptor]));
  const report = await copy(source, target, [...distinct.values()], {
    referrers: true,
    // Of a whole repository they are among the tags.
    cosignTags: !selection.allTags || selection.filter !== undefined || selection.platform !== undefined,
    tags,
    keepGoing: true,
    checkAll,
    signal,
    onProgress: (_, { completedBytes, movingBytes, knownBytes, underWay }) =>
      progress.listen({
        stage: 'send',
        done: completedBytes + movingBytes,
        total: knownBytes,
        unit: 'bytes',
        underWay,
      }),
  });
  const lost = await verifyCopy(target, report, { signal });
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
  { completed }: CopyReport,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<ReadBack> {
  const total = completed.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const onBytes = (sizeBytes: number) => {
    done += sizeBytes;
    progress.listen({ stage: 'check', done, total, unit: 'bytes' });
  };
  const found = await verifyContents(target, completed, { signal, onBytes });
  const isGone = ({ code }: { readonly code: string }) => code === 'ERR_EXPORT_NOT_FOUND';
  return { gone: found.filter(isGone), damaged: found.filter((failure) => !isGone(failure)) };
}
