import { type Command, Option } from 'commander';
import { CodedError, parseDuration } from '#core';
import { type Io, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { parsing, withListOptions } from '../options.ts';
import { type Collected, openPlaces, type PlaceOptions, withPlaceOptions } from '../upkeep.ts';

interface GcOptions extends PlaceOptions {
  readonly output: 'text' | 'json' | 'ndjson';
  readonly grace: number;
  readonly untagged: boolean;
  readonly dryRun: boolean;
}

/** What went in one place. */
type CollectedPlace = { readonly place: string } & Collected;

/** A store relies on the time of a file, which pushes set once a minute. */
const LEAST_STORE_GRACE_SECONDS = 120;

/** `gc`: deletes what nothing needs any more. */
export function gcCommand(command: Command, io: Io): void {
  command
    .addOption(
      new Option(
        '--grace <duration>',
        'keep content that was created or used within this time; at least 2m with --data',
      )
        .argParser(parsing(parseDuration))
        .default(86_400, '24h'),
    )
    .option('--untagged', 'also delete untagged manifests, except referrers of a kept manifest', false)
    .option('--dry-run', 'show what would be deleted, and delete nothing', false)
    .addHelpText(
      'after',
      `
gc can run during pushes and beside a running server. Where a manifest is damaged, gc deletes nothing, because it cannot
know which blobs the manifest needs.

Examples:
  export-center gc oci:feed --dry-run
  export-center gc --data data --grace 1h --untagged`,
    );
  withPlaceOptions(withListOptions(command)).action((place: string | undefined, options: GcOptions) =>
    gc(io, place, options),
  );
}

async function gc(io: Io, text: string | undefined, options: GcOptions): Promise<void> {
  const { output, grace: graceSeconds, untagged, dryRun } = options;
  const how = { graceSeconds, untagged, dryRun, signal: io.signal };
  const places = await openPlaces(text, options);
  if (options.data !== undefined && options.grace < LEAST_STORE_GRACE_SECONDS) {
    throw new CodedError('ERR_EXPORT_USAGE', '--grace must be 2m or more', {
      hint: 'specify 2m or more, which protects pushes in progress',
    });
  }
  const all: CollectedPlace[] = [];
  for (const place of places) {
    const collected = { place: place.name, ...(await place.collect(how)) };
    all.push(collected);
    if (output === 'text') await writeText(io.stdout, describe(collected, dryRun));
    else if (output === 'ndjson') await writeText(io.stdout, `${JSON.stringify({ ...collected, dryRun })}\n`);
  }
  if (output === 'json') await writeText(io.stdout, `${JSON.stringify({ dryRun, places: all })}\n`);
  const skipped = all.flatMap((each) => each.skipped);
  if (skipped.length === 0) return;
  throw new CodedError(
    'ERR_EXPORT_CONTENT_MISMATCH',
    `garbage collection skipped because of damaged manifests: ${skipped.join(', ')}`,
    {
      hint: 'run export-center fsck to see what is damaged',
      details: { skipped },
    },
  );
}

function describe({ place, manifests, blobs, leftovers, sizeBytes, skipped }: CollectedPlace, dryRun: boolean): string {
  const verb = dryRun ? 'would delete' : 'deleted';
  const what = [plural(manifests, 'manifest'), plural(blobs, 'blob'), plural(leftovers, 'leftover')].join(', ');
  const lines = [`${place}: ${verb} ${what}, ${formatBytes(sizeBytes)}`];
  for (const name of skipped) lines.push(`${place}: skipped: ${name}`);
  return asLines(lines);
}
