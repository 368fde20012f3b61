import type { Command } from 'commander';
import { CodedError } from '#core';
import { type FoundArtifact, withArtifact } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { type CommonOptions, type TransportOptions, withCommonOptions, withTransportOptions } from '../options.ts';

type DeleteOptions = CommonOptions & TransportOptions;

/** `delete`: takes a manifest away, with its tags. */
export function deleteCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by digest')
    .addHelpText('after', '\nExample:\n  export-center delete 127.0.0.1:8080/security/feed@sha256:…');
  withTransportOptions(withCommonOptions(command)).action((text: string, options: DeleteOptions) =>
    withArtifact(io, text, options, (found) => remove(io, found, options)),
  );
}

async function remove(
  io: Io,
  { reference, repository, descriptor }: FoundArtifact,
  options: DeleteOptions,
): Promise<void> {
  const { digest } = descriptor;
  if (reference.digest === undefined) {
    throw new CodedError(
      'ERR_EXPORT_USAGE',
      `tag ${reference.tag} points at ${digest}, and other tags may point at it too`,
      {
        hint: `to delete the manifest with all its tags, specify @${digest}; to remove only the tag, use export-center untag`,
        details: { digest },
      },
    );
  }
  await repository.delete(descriptor, { signal: io.signal });
  await writeText(
    io.stdout,
    options.output === 'json' ? `${JSON.stringify({ deleted: digest })}\n` : `deleted ${digest}\n`,
  );
}
