import type { Command } from 'commander';
import { CodedError, type Instant, parseDuration, parseInstant, writeFileDurable } from '#core';
import { formatReference, nameOf, parseReference, type Reference, tagOf } from '#oci/image';
import { openRepository } from '#oci/transfer';
import {
  addTarget,
  attachArtifact,
  directorySource,
  directoryState,
  openArtifactSource,
  type PublishedArtifact,
  type PublishResult,
  publishArtifact,
  readPublication,
  refreshOnlineRoles,
  refreshRepository,
  type TufPublication,
  type TufSource,
} from '#tuf';
import { withArtifact } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { asLines } from '../one-line.ts';
import {
  type CommonOptions,
  collect,
  openOptions,
  parsing,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from '../options.ts';
import { resultStream } from '../pipe.ts';
import { describeResult, parseTufPlace } from '../tuf.ts';
import {
  loadSigners,
  now,
  parseCount,
  readTrustedRoot,
  readWhole,
  type SignerFiles,
  tufExample,
  withSigners,
} from './tuf-options.ts';

interface AddOptions extends CommonOptions, SignerFiles {
  readonly stream: string;
  readonly base?: number;
}

/** `tuf add`: the next target of a stream. */
export function addCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'stream', 'targets', 'online')
    .description('list a file as the next target of a stream, STREAM.SEQUENCE.json')
    .argument('<dir>', 'directory of the repository')
    .argument('<file>', 'the file')
    .requiredOption('--stream <name>', 'the stream; a new one needs --targets-key, and --stream-key becomes its key')
    .option('--base <number>', 'sequence number of the target that this one builds on', parsing(parseCount))
    .addHelpText('after', tufExample)
    .action((dir: string, file: string, options: AddOptions) => add(io, dir, file, options));
}

async function add(io: Io, dir: string, file: string, options: AddOptions): Promise<void> {
  const { stream, base } = options;
  const own = await loadSigners(io, options.streamKey);
  const signers = [...own, ...(await loadSigners(io, options.targetsKey, options.onlineKey))];
  const bytes = await readWhole(file, MAX_TARGET_BYTES);
  const added = await addTarget(dir, { stream, newKey: own[0]?.publicKey, bytes, base, signers, at: now() });
  const verb = added.waiting.length > 0 ? 'staged' : added.published.length === 0 ? 'unchanged' : 'added';
  const text = asLines([`${verb} ${added.target} ${added.digest}`, ...describeResult(dir, added)]);
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(added)}\n` : text);
}

/** As much as clients read. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/** `tuf refresh`: timestamp and snapshot only. */
export function refreshCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'online')
    .description('publish a new timestamp, and a new snapshot where half of its life is over')
    .argument('<dir>', 'directory of the repository')
    .addHelpText('after', '\nExample:\n  export-center tuf refresh repo --online-key o.key')
    .action(async (dir: string, options: CommonOptions & SignerFiles) => {
      const signers = await loadSigners(io, options.onlineKey);
      await reportPublished(io, dir, await refreshOnlineRoles(dir, signers, now()), options);
    });
}

/** Writes what was published, or waits, as the result. */
export async function reportPublished(
  io: Io,
  dir: string,
  result: PublishResult,
  { output }: CommonOptions,
): Promise<void> {
  const text = asLines(describeResult(dir, result));
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify(result)}\n` : text);
}

interface PublishOptions extends CommonOptions, TransportOptions {
  readonly to?: string;
  readonly subject?: readonly string[];
}

/** `tuf publish`: the repository as an OCI artifact. */
export function publishCommand(command: Command, io: Io): void {
  withTransportOptions(withCommonOptions(command))
    .description('publish the repository as an OCI artifact; the tag moves last')
    .argument('<dir>', 'directory of the repository')
    .option('--to <reference>', 'where to publish, with a tag')
    .option('--subject <reference>', 'artifact to which a copy is attached as a referrer; repeatable', collect)
    .addHelpText(
      'after',
      `
The artifact has the files of the repository as layers, unchanged. oras pull writes a directory that TUF clients read,
and tuf fetch reads it where it is.

Example:
  export-center tuf publish repo --to registry.example/security/tuf:latest --subject registry.example/security/feed:1`,
    )
    .action((dir: string, options: PublishOptions) => publish(io, dir, options));
}

interface PublishedAt extends PublishedArtifact {
  readonly reference: string;
}

async function publish(io: Io, dir: string, options: PublishOptions): Promise<void> {
  const { to, subject: subjects = [] } = options;
  if (to === undefined && subjects.length === 0) {
    throw new CodedError('ERR_EXPORT_USAGE', '--to or --subject is required', {
      hint: 'specify where to publish with --to HOST/REPO:TAG or --to oci:DIR:TAG',
    });
  }
  const target = to === undefined ? undefined : parseReference(to);
  if (target !== undefined) tagOf(target);
  const publication = await readPublication(dir);
  const attached: PublishedAt[] = [];
  for (const subject of subjects) attached.push(await attachTo(io, subject, publication, options));
  const published = target && (await publishAt(io, target, publication, options));
  const result = { timestamp: publication.version, published: published ?? null, attached };
  const lines = [
    ...attached.map((each) => describeArtifact('attached', each)),
    ...(published === undefined ? [] : [describeArtifact('published', published)]),
  ];
  const text = options.output === 'json' ? `${JSON.stringify(result)}\n` : asLines(lines);
  await writeText(resultStream(io, target === undefined ? [] : [target]), text);
}

async function attachTo(
  io: Io,
  subject: string,
  publication: TufPublication,
  options: PublishOptions,
): Promise<PublishedAt> {
  return withArtifact(io, subject, options, async ({ repository, descriptor, reference }) => {
    const attached = await attachArtifact(publication, repository, descriptor, { signal: io.signal });
    return { reference: formatReference({ ...reference, digest: attached.digest }), ...attached };
  });
}

async function publishAt(
  io: Io,
  target: Reference,
  publication: TufPublication,
  options: PublishOptions,
): Promise<PublishedAt> {
  const opening = await openOptions(io, [target], options);
  const repository = await openRepository(target, { ...opening, create: true });
  try {
    const published = await publishArtifact(publication, repository, tagOf(target), { signal: io.signal });
    return { reference: formatReference({ ...target, digest: published.digest }), ...published };
  } finally {
    await repository.close();
  }
}

function describeArtifact(verb: string, { reference, state }: PublishedAt): string {
  return `${state === 'present' ? `already ${verb}` : verb} ${reference}`;
}

interface FetchOptions extends CommonOptions, TransportOptions {
  readonly trust: string;
  readonly state: string;
  readonly out: string;
  readonly at?: Instant;
  readonly acceptExpired?: number;
}

/** `tuf fetch`: what a zone does. */
export function fetchCommand(command: Command, io: Io): void {
  withTransportOptions(withCommonOptions(command))
    .description('verify a repository as a client does, and write one of its targets to a file')
    .argument('<place>', 'directory or reference of the repository, or of an artifact to which it is attached')
    .argument('<target>', 'name of the target, such as feed.3.json')
    .requiredOption('--trust <file>', 'root that you trust; get it from elsewhere than the repository')
    .requiredOption('--state <dir>', 'directory that remembers what was accepted before; created if missing')
    .requiredOption('--out <file>', 'file to write')
    .option(
      '--at <time>',
      'the time at which metadata has to be valid; the time of this machine by default',
      parsing(parseInstant),
    )
    .option(
      '--accept-expired <duration>',
      'accept a timestamp and a snapshot so long after their expiry; never an expired root or stream',
      parsing(parseDuration),
    )
    .addHelpText(
      'after',
      `
A place is a reference if it has a scheme, such as oci:DIR:TAG, or is HOST[:PORT]/REPO:TAG; otherwise a directory.

Example:
  export-center tuf fetch repo feed.3.json --trust root.json --state state --out feed.json
  export-center tuf fetch registry.example/security/tuf:latest feed.3.json --trust root.json --state state --out feed.json`,
    )
    .action((place: string, target: string, options: FetchOptions) =>
      withSource(io, place, options, (source) => fetchTarget(io, source, target, options)),
    );
}

async function withSource(
  io: Io,
  place: string,
  options: CommonOptions & TransportOptions,
  use: (source: TufSource) => Promise<void>,
): Promise<void> {
  const reference = parseTufPlace(place);
  if (reference === undefined) return use(directorySource(place));
  const name = nameOf(reference);
  const repository = await openRepository(reference, await openOptions(io, [reference], options));
  try {
    await use(await openArtifactSource(repository, name, { signal: io.signal }));
  } finally {
    await repository.close();
  }
}

async function fetchTarget(io: Io, source: TufSource, target: string, options: FetchOptions): Promise<void> {
  const trusted = await refreshRepository({
    trustedRoot: await readTrustedRoot(options.trust),
    source,
    state: directoryState(options.state),
    at: options.at ?? now(),
    acceptExpired: options.acceptExpired,
  });
  const found = await trusted.find(target);
  if (found === undefined) {
    const hint = 'check its name; only the role that may speak of a name is asked';
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${target}: no role of the repository lists it`, { hint });
  }
  await writeFileDurable(options.out, await trusted.download(found));
  const { role, length, custom } = found;
  const { waived } = trusted;
  if (!options.quiet) {
    for (const each of waived) {
      await writeText(io.stderr, `warning: ${each.role} ${each.version} expired at ${each.expires}; accepted\n`);
    }
  }
  const digest = `sha256:${found.hashes.get('sha256') ?? ''}`;
  const result = { target, role, digest, length, custom: custom ?? null, root: trusted.root.signed.version, waived };
  const text = asLines([`verified ${target} ${digest}, signed by ${role}, written to ${options.out}`]);
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(result)}\n` : text);
}
