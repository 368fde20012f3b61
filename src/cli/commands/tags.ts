import type { Command } from 'commander';
import { CodedError, type Descriptor } from '#core';
import { formatReference, isTag, parseReference, type Repository, tagOf } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { type FoundArtifact, withArtifact } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { asLines } from '../one-line.ts';
import {
  type CommonOptions,
  openOptions,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from '../options.ts';

type TagOptions = CommonOptions & TransportOptions;

/** `tag`: gives an artifact more tags. */
export function tagCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by tag or digest')
    .argument('<tags...>', 'the new tags')
    .addHelpText('after', '\nExample:\n  export-center tag 127.0.0.1:8080/security/trivy-db:2 2-monday latest');
  withTransportOptions(withCommonOptions(command)).action((text: string, tags: string[], options: TagOptions) =>
    withArtifact(io, text, options, (found) => setTags(io, found, tags, options)),
  );
}

async function setTags(
  io: Io,
  { repository, descriptor }: FoundArtifact,
  tags: string[],
  options: TagOptions,
): Promise<void> {
  requireTags(tags);
  for (const tag of tags) await repository.tag(descriptor, tag, { signal: io.signal });
  const { digest } = descriptor;
  const text = tags.map((tag) => `${tag} -> ${digest}\n`).join('');
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify({ digest, tags })}\n` : text);
}

function requireTags(tags: readonly string[]): void {
  const wrong = tags.find((tag) => !isTag(tag));
  if (wrong === undefined) return;
  throw new CodedError('ERR_EXPORT_REFERENCE_INVALID', `${JSON.stringify(wrong)} is not a valid tag`, {
    hint: 'use letters, digits, _ . -, at most 128 characters, not beginning with . or -',
  });
}

/** A tag that was removed. */
interface Removed {
  readonly tag: string;
  /** What it pointed at; undefined where that was not there. */
  readonly descriptor: Descriptor | undefined;
  /** Whether the manifest is still there, as it should be. */
  readonly kept: boolean;
}

/** `untag`: removes tags, and nothing else. */
export function untagCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the tag; with a digest, it is removed only if it points at that digest')
    .argument('[tags...]', 'further tags of the same repository')
    .addHelpText('after', '\nExample:\n  export-center untag 127.0.0.1:8080/security/trivy-db:2-monday');
  withTransportOptions(withCommonOptions(command)).action((text: string, tags: string[], options: TagOptions) =>
    untag(io, text, tags, options),
  );
}

async function untag(io: Io, text: string, more: readonly string[], options: TagOptions): Promise<void> {
  const reference = parseReference(text);
  const tags = [...new Set([tagOf(reference), ...more])];
  requireTags(tags);
  if (reference.digest !== undefined && more.length > 0) {
    throw new CodedError('ERR_EXPORT_USAGE', `${text}: a digest can't be used with further tags`, {
      hint: 'remove one tag at a time, or omit the digest',
    });
  }
  const opening = { ...(await openOptions(io, [reference], options)), writes: true };
  const repository = await openRepository(reference, opening);
  const removed: Removed[] = [];
  try {
    for (const tag of tags)
      removed.push(await remove(repository, tag, formatReference(reference), reference.digest, io));
  } finally {
    await repository.close();
  }
  await report(io, removed, options);
}

async function remove(
  repository: Repository,
  tag: string,
  reference: string,
  expected: string | undefined,
  { signal }: Io,
): Promise<Removed> {
  const descriptor = await repository.resolve(tag, { signal });
  if (expected !== undefined && descriptor !== undefined && descriptor.digest !== expected) {
    throw new CodedError(
      'ERR_EXPORT_EXPECTATION_MISMATCH',
      `${reference}: the tag points at ${descriptor.digest}, not at ${expected}`,
      {
        hint: 'check what it points at now, then specify that digest or omit it',
        details: { tag, digest: descriptor.digest },
      },
    );
  }
  // A tag that leads to nothing is one all the same.
  if (!(await repository.untag(tag, { signal }))) {
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${repository.name}: tag ${tag} not found`, {
      hint: 'export-center ls REPOSITORY lists the tags',
      details: { tag },
    });
  }
  const kept = descriptor !== undefined && (await repository.exists(descriptor, { signal }));
  return { tag, descriptor, kept };
}

async function report(io: Io, removed: readonly Removed[], { output, quiet }: TagOptions): Promise<void> {
  for (const { tag, descriptor, kept } of removed) {
    if (descriptor === undefined || kept || quiet) continue;
    await writeText(io.stderr, `warning: the registry removed ${descriptor.digest} with the tag ${tag}\n`);
  }
  const rows = removed.map(({ tag, descriptor, kept }) => ({ tag, digest: descriptor?.digest ?? null, kept }));
  const lines = rows.map(({ tag, digest }) => `untagged ${tag}${digest === null ? '' : ` from ${digest}`}`);
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify({ untagged: rows })}\n` : asLines(lines));
}
