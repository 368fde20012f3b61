import type { Command } from 'commander';
import { CodedError } from '#core';
import { type Io, writeText } from '../io.ts';
import { plural } from '../numbers.ts';
import { asRow } from '../one-line.ts';
import { withListOptions } from '../options.ts';
import { createProgressLine } from '../progress.ts';
import { type Finding, openPlaces, type PlaceOptions, withPlaceOptions } from '../upkeep.ts';

interface FsckOptions extends PlaceOptions {
  readonly output: 'text' | 'json' | 'ndjson';
  readonly quiet: boolean;
}

type FoundAt = { readonly place: string } & Finding;

/** `fsck`: reads all of a layout or a registry store. */
export function fsckCommand(command: Command, io: Io): void {
  command.option('--quiet', 'do not write progress to stderr', false).addHelpText(
    'after',
    `
fsck changes nothing. Exit status 3 if anything is missing, damaged, unreadable or of a wrong size. Unreachable content
and leftover files are not errors; gc deletes them.

Examples:
  export-center fsck oci:feed
  export-center fsck --data data --output ndjson`,
  );
  withPlaceOptions(withListOptions(command)).action((place: string | undefined, options: FsckOptions) =>
    fsck(io, place, options),
  );
}

async function fsck(io: Io, text: string | undefined, options: FsckOptions): Promise<void> {
  const { output } = options;
  const places = await openPlaces(text, options);
  const progress = createProgressLine(io, options.quiet);
  const counts = { missing: 0, damaged: 0, unreadable: 0, wrongSize: 0, unreachable: 0, leftover: 0 };
  const findings: FoundAt[] = [];
  let done = 0;
  const onBytes = (sizeBytes: number) => {
    done += sizeBytes;
    progress.listen({ stage: 'check', done, unit: 'bytes' });
  };
  try {
    for (const place of places) {
      for await (const found of place.check({ onBytes, signal: io.signal })) {
        const finding = { place: place.name, ...found };
        counts[found.kind]++;
        progress.clear();
        if (output === 'text') await writeText(io.stdout, describe(finding));
        else if (output === 'ndjson') await writeText(io.stdout, `${JSON.stringify(finding)}\n`);
        else findings.push(finding);
      }
    }
  } finally {
    progress.clear();
  }
  const names = places.map(({ name }) => name);
  if (output === 'json') await writeText(io.stdout, `${JSON.stringify({ places: names, counts, findings })}\n`);
  const faults = counts.missing + counts.damaged + counts.unreadable + counts.wrongSize;
  const rare = [
    ...(counts.unreadable === 0 ? [] : [`, ${counts.unreadable} unreadable`]),
    ...(counts.wrongSize === 0 ? [] : [`, ${counts.wrongSize} of a wrong size`]),
  ];
  const what = `${names.join(', ')}: ${counts.missing} missing, ${counts.damaged} damaged${rare.join('')}`;
  if (output === 'text') {
    await writeText(io.stdout, `${what}, ${counts.unreachable} unreachable, ${plural(counts.leftover, 'leftover')}\n`);
  }
  if (faults === 0) return;
  throw new CodedError('ERR_EXPORT_CONTENT_MISMATCH', what, {
    hint: nextStep(counts),
    details: counts,
  });
}

function nextStep(counts: Readonly<Record<Finding['kind'], number>>): string {
  const steps = [
    ...(counts.unreadable === 0 ? [] : ['make unreadable files readable for this user, then run fsck again']),
    ...(counts.wrongSize === 0 ? [] : ['rebuild the manifests that name a wrong size']),
    ...(counts.damaged === 0 ? [] : ['delete damaged content']),
    ...(counts.missing + counts.damaged === 0 ? [] : ['copy or push incomplete artifacts again']),
  ];
  return steps.join('; ');
}

function describe(finding: FoundAt): string {
  const { place, kind, object, name, namedBy } = finding;
  const repository = 'repository' in finding && finding.repository !== undefined ? ` in ${finding.repository}` : '';
  return asRow([
    place,
    kind === 'wrongSize' ? 'wrong size' : kind,
    `${object} ${name}${repository}${namedBy === undefined ? '' : `, named by ${namedBy}`}`,
  ]);
}
