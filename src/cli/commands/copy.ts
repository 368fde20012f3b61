import type { Command } from 'commander';
import { CodedError } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { type CopyReport, checkFidelity, copy, openRepository, verifyContents } from '#oci/transfer';
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
import { type Io, writeText } from '../io.ts';
import { isPipe, resultStream } from '../pipe.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';
import { resumable } from '../resumable.ts';
import {
  type CommonOptions,
  collect,
  openOptions,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from './options.ts';

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
It ends by a report of what the source has and the target has not: missing at the source, refused by the target,
left out on purpose. A registry that holds a manifest is assumed to have its blobs too; the report counts them.
If one was deleted there, --verify finds that it is gone, and --check-all sends it again. Exit status 1 if anything is
missing or refused, 5 if a rerun may complete it, 3 if --verify finds anything gone or damaged.

With --platform a tag leads to the image for that platform instead of to the index, so what signs the index does not
verify there. Signatures and other referrers are copied with each image, whatever the filters of tags say.

Examples:
  export-center copy 127.0.0.1:8080/security/feed:1 oci:feed:1
  export-center copy --all-tags oci:feed registry.example/mirror/feed
  export-center copy --all-tags --semver '>=1.2 <2' --exclude '*-debug' registry.example/app oci:app
  export-center copy docker-archive:app.tar:app:1 registry.example/app:1
  export-center copy registry.example/security/feed:1 oci-archive:-:1 | ssh inside export-center copy oci-archive:-:1 oci:feed`;

/** `copy`: an artifact, or a whole repository, with all that hangs on it. */
export function copyCommand(command: Command, io: Io): void {
  command
    .argument('<source>', 'what to copy, by tag or digest; with --all-tags the repository')
    .argument('<target>', 'where to; the tag of the source unless it has one')
    .option('--all-tags', 'copy every tag of the source, and the manifests without one that it lists', false)
    .option(
      '--include <glob>',
      'with --all-tags, only tags that match this or another --include (* and ?; repeats)',
      collect,
    )
    .option('--exclude <glob>', 'with --all-tags, no tags that match (repeats)', collect)
    .option(
      '--semver <range>',
      'with --all-tags, only tags that are versions in this range, such as ">=1.2 <2"; ">=1.2-0" takes in pre-releases and suffixes',
    )
    .option('--platform <os/arch>', 'of an index only the image for OS/ARCH[/VARIANT], such as linux/arm64')
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
  const selection = await selectionOf(options);
  if (selection.allTags) {
    for (const reference of [sourceReference, targetReference]) requireNoTag(reference, '--all-tags');
  }
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
    const roots = await rootsOf(source, sourceReference, targetReference, selection, io.signal);
    const target = await openRepository(targetReference, targetOpening);
    resources.defer(() => target.close());
    result = await transfer(source, target, roots, selection, options.checkAll, progress, io.signal);
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
