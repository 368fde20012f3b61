import { Command } from 'commander';
import { CodedError, type Descriptor } from '#core';
import {
  type CopyReport,
  type CopyTag,
  copy,
  formatReference,
  nameOf,
  openRepository,
  parseReference,
  type Reference,
  type Repository,
} from '#oci';
import { type Io, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { createProgressLine } from '../progress.ts';
import { type CommonOptions, withCommonOptions, withTransportOptions } from './options.ts';

interface CopyCommandOptions extends CommonOptions {
  readonly allTags: boolean;
  readonly plainHttp?: boolean;
}

/** `copy`: an artifact, or a whole repository, with all that hangs on it. */
export function copyCommand(io: Io): Command {
  const command = new Command('copy')
    .description('copy an artifact with its referrers and cosign tags, digests unchanged')
    .argument('<source>', 'what to copy, by tag or digest; with --all-tags the repository')
    .argument('<target>', 'where to; the tag of the source unless it has one')
    .option('--all-tags', 'copy every tag of the source', false)
    .addHelpText(
      'after',
      '\nExamples:\n  export-center copy 127.0.0.1:8080/security/feed:1 oci:feed:1\n  export-center copy --all-tags oci:feed registry.example/mirror/feed',
    );
  return withTransportOptions(withCommonOptions(command)).action(
    (source: string, target: string, options: CopyCommandOptions) => runCopy(io, source, target, options),
  );
}

async function runCopy(io: Io, from: string, to: string, options: CopyCommandOptions): Promise<void> {
  const [sourceReference, targetReference] = [parseReference(from), parseReference(to)];
  const progress = createProgressLine(io, options.quiet);
  const { plainHttp } = options;
  await using resources = new AsyncDisposableStack();
  const source = await openRepository(sourceReference, { plainHttp });
  resources.defer(() => source.close());
  const tags = options.allTags
    ? await allTags(source, io.signal)
    : await oneTag(source, sourceReference, targetReference, io.signal);
  const target = await openRepository(targetReference, { plainHttp, create: true });
  resources.defer(() => target.close());
  const roots = tags.map((tag) => tag.descriptor);
  const report = await copy(source, target, roots, {
    referrers: true,
    cosignTags: true,
    tags: tags.filter((tag): tag is CopyTag => tag.tag !== undefined),
    signal: io.signal,
    onProgress: (_, { settledBytes, knownBytes }) =>
      progress.listen({ stage: 'send', done: settledBytes, total: knownBytes, unit: 'bytes' }),
  });
  progress.clear();
  const text =
    options.output === 'json' ? `${JSON.stringify(asJson(target, tags, report))}\n` : asText(target, tags, report);
  await writeText(io.stdout, text);
}

/** A root of a copy, with the tag that it gets at the target, if it gets one. */
interface Root {
  readonly descriptor: Descriptor;
  readonly tag: string | undefined;
}

async function allTags(source: Repository, signal: AbortSignal): Promise<Root[]> {
  const roots: Root[] = [];
  for await (const tag of source.tags({ signal })) {
    const descriptor = await source.resolve(tag, { signal });
    if (descriptor !== undefined) roots.push({ descriptor, tag });
  }
  if (roots.length > 0) return roots;
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${source.name}: there are no tags`, { hint: 'check the reference' });
}

async function oneTag(source: Repository, from: Reference, to: Reference, signal: AbortSignal): Promise<Root[]> {
  const descriptor = await source.resolve(nameOf(from), { signal });
  if (descriptor !== undefined) return [{ descriptor, tag: to.tag ?? from.tag }];
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${formatReference(from)}: there is no such artifact`, {
    hint: 'check the reference; export-center ls lists the tags that are there',
  });
}

function asJson(target: Repository, roots: readonly Root[], report: CopyReport): object {
  const outcomes = [...report.outcomes].map(([digest, state]) => ({ digest, state }));
  return {
    target: target.name,
    artifacts: roots.map(({ tag, descriptor }) => ({ tag: tag ?? null, digest: descriptor.digest })),
    bytesSent: report.bytesSent,
    contents: outcomes,
    referrers: report.referrers.map(({ artifactType, digest }) => ({ artifactType: artifactType ?? null, digest })),
    tagged: report.tagged.map(({ tag, descriptor }) => ({ tag, digest: descriptor.digest })),
    excluded: report.excluded.map(({ descriptor, reason }) => ({ digest: descriptor.digest, reason })),
  };
}

function asText(target: Repository, roots: readonly Root[], report: CopyReport): string {
  const states = [...report.outcomes.values()];
  const count = (state: string) => states.filter((outcome) => outcome === state).length;
  const lines = [
    `copied ${plural(roots.length, 'artifact')} and ${plural(report.referrers.length, 'referrer')} to ${target.name}`,
    `  ${count('uploaded')} uploaded (${formatBytes(report.bytesSent)}), ${count('mounted')} mounted, ${count('present')} present`,
    ...report.tagged.map(({ tag, descriptor }) => `  tag ${tag} -> ${descriptor.digest}`),
    ...report.excluded.map(({ descriptor, reason }) => `  left out ${descriptor.digest}: ${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}
