import type { Command } from 'commander';
import { CodedError, type Descriptor } from '#core';
import { isRegistryReference, parseReference, type Reference, type Repository } from '#oci/image';
import { listRoots, openRepository } from '#oci/transfer';
import { requireNoTag } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { asRow } from '../one-line.ts';
import { openOptions, type TransportOptions, withListOptions, withTransportOptions } from '../options.ts';

interface ListOptions extends TransportOptions {
  readonly output: 'text' | 'json' | 'ndjson';
  readonly long: boolean;
  readonly untagged: boolean;
}

/** One line of a list. */
interface Row {
  /** Undefined for a manifest without one. */
  readonly tag?: string;
  /** What it points at, where that was asked for and is there. */
  readonly descriptor?: Descriptor;
  /** `missing`: what it points at is not there; `invalid`: the name cannot be a tag. */
  readonly state?: 'missing' | 'invalid';
}

/** Requests that are under way at a time. */
const AT_ONCE = 8;

const NOTES = `
Without --long, only the tag list is requested. Tags without a manifest and names that are not valid tags are marked.

Examples:
  export-center ls 127.0.0.1:8080/security/trivy-db
  export-center ls oci:feed --long
  export-center ls oci:feed --untagged`;

/** `ls`: the tags of a repository with what they point at. */
export function lsCommand(command: Command, io: Io): void {
  command
    .argument('<repository>', 'a repository without a tag: HOST/REPO, oci:DIR or oci-archive:FILE')
    .option('-l, --long', 'show the digest, size and media type of each tag', false)
    .option('--untagged', 'list the untagged manifests of a layout instead of its tags', false)
    .addHelpText('after', NOTES);
  withTransportOptions(withListOptions(command)).action((text: string, options: ListOptions) =>
    list(io, text, options),
  );
}

async function list(io: Io, text: string, options: ListOptions): Promise<void> {
  const { output, untagged } = options;
  const reference = parseReference(text);
  requireNoTag(reference, 'ls');
  const repository = await openRepository(reference, await openOptions(io, [reference], options));
  const rows: object[] = [];
  let count = 0;
  try {
    const listed = untagged
      ? untaggedOf(repository, io.signal)
      : tagsOf(repository, reference, options.long, io.signal);
    for await (const row of listed) {
      count++;
      if (output === 'text') await writeText(io.stdout, asText(row, options.long || untagged));
      else if (output === 'ndjson') await writeText(io.stdout, `${JSON.stringify(asJson(row))}\n`);
      else rows.push(asJson(row));
    }
    if (count === 0 && !untagged) await noteUntagged(io, repository);
  } finally {
    await repository.close();
  }
  if (output !== 'json') return;
  const lists = untagged ? { untagged: rows } : { tags: rows };
  await writeText(io.stdout, `${JSON.stringify({ repository: repository.name, ...lists })}\n`);
}

/** Layouts of crane, cosign and nix often hold one image without a name: an empty list alone would hide it. */
async function noteUntagged(io: Io, repository: Repository): Promise<void> {
  for await (const _ of repository.manifests?.({ signal: io.signal }) ?? []) {
    await writeText(io.stderr, `note: ${repository.name} has no tags; list its manifests with --untagged\n`);
    return;
  }
}

async function* tagsOf(
  repository: Repository,
  reference: Reference,
  long: boolean,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  const invalid: string[] = [];
  const tags: string[] = [];
  for await (const tag of repository.tags({ signal, onInvalid: (name) => invalid.push(name) })) tags.push(tag);
  const rowOf = async (tag: string): Promise<Row> => {
    const descriptor = await repository.resolve(tag, { signal });
    // A registry looks for the manifest to name it; a layout has its name in the index.
    const isThere =
      descriptor !== undefined && (isRegistryReference(reference) || (await repository.exists(descriptor, { signal })));
    return isThere ? { tag, descriptor } : { tag, state: 'missing' };
  };
  for (let at = 0; at < tags.length; at += AT_ONCE) {
    const some = tags.slice(at, at + AT_ONCE);
    yield* long ? await Promise.all(some.map(rowOf)) : some.map((tag) => ({ tag }));
  }
  yield* invalid.map((tag) => ({ tag, state: 'invalid' }) as const);
}

async function* untaggedOf(repository: Repository, signal: AbortSignal): AsyncGenerator<Row> {
  if (repository.manifests === undefined) {
    throw new CodedError('ERR_EXPORT_UNSUPPORTED', `${repository.name}: a registry does not list untagged manifests`, {
      hint: 'specify a layout, oci:DIR; export-center discover lists the referrers of an artifact',
      details: { place: repository.name },
    });
  }
  for (const descriptor of (await listRoots(repository, { signal })).untagged) {
    yield { descriptor, ...((await repository.exists(descriptor, { signal })) ? {} : { state: 'missing' as const }) };
  }
}

function asText({ tag, descriptor, state }: Row, long: boolean): string {
  const marks = state === undefined ? [] : [state];
  if (!long) return asRow([tag ?? '', ...marks]);
  const { digest = '-', size = '-', mediaType = '-' } = descriptor ?? {};
  return asRow([...(tag === undefined ? [] : [tag]), digest, size, mediaType, ...marks]);
}

function asJson({ tag, descriptor, state }: Row): object {
  const { digest, size, mediaType } = descriptor ?? {};
  return { tag, digest, size, mediaType, state };
}
