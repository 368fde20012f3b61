import type { Command } from 'commander';
import { openRepository, parseReference } from '#oci';
import { type Io, writeText } from '../io.ts';
import { asRow } from '../one-line.ts';
import { openOptions, type TransportOptions, withListOptions, withTransportOptions } from './options.ts';

interface ListOptions extends TransportOptions {
  readonly output: 'text' | 'json' | 'ndjson';
}

/** `ls`: the tags of a repository with what they point at. */
export function lsCommand(command: Command, io: Io): void {
  command
    .argument('<repository>', 'a repository without a tag: HOST/REPO, oci:DIR or oci-archive:FILE')
    .addHelpText('after', '\nExample:\n  export-center ls 127.0.0.1:8080/security/trivy-db');
  withTransportOptions(withListOptions(command)).action((text: string, options: ListOptions) =>
    list(io, text, options),
  );
}

async function list(io: Io, text: string, options: ListOptions): Promise<void> {
  const { output } = options;
  const reference = parseReference(text);
  const repository = await openRepository(reference, await openOptions(io, [reference], options));
  const rows: object[] = [];
  try {
    for await (const tag of repository.tags({ signal: io.signal })) {
      const descriptor = await repository.resolve(tag, { signal: io.signal });
      if (descriptor === undefined) continue;
      const { digest, size, mediaType } = descriptor;
      if (output === 'text') await writeText(io.stdout, asRow([tag, digest, size, mediaType]));
      else if (output === 'ndjson') await writeText(io.stdout, `${JSON.stringify({ tag, digest, size, mediaType })}\n`);
      else rows.push({ tag, digest, size, mediaType });
    }
  } finally {
    await repository.close();
  }
  if (output === 'json') await writeText(io.stdout, `${JSON.stringify({ repository: repository.name, tags: rows })}\n`);
}
