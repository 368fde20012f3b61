import type { Command } from 'commander';
import { CodedError } from '#core';
import { isTag } from '#oci/image';
import { type FoundArtifact, withArtifact } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { type CommonOptions, type TransportOptions, withCommonOptions, withTransportOptions } from './options.ts';

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
  const wrong = tags.find((tag) => !isTag(tag));
  if (wrong !== undefined) {
    throw new CodedError('ERR_EXPORT_REFERENCE_INVALID', `${JSON.stringify(wrong)} is not a valid tag`, {
      hint: 'use letters, digits, _ . -, at most 128 characters, not beginning with . or -',
    });
  }
  for (const tag of tags) await repository.tag(descriptor, tag, { signal: io.signal });
  const { digest } = descriptor;
  const text = tags.map((tag) => `${tag} -> ${digest}\n`).join('');
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify({ digest, tags })}\n` : text);
}
