import { type Command, Option } from 'commander';
import { CodedError, parseInstant, parseTenant, systemClock } from '#core';
import { formatTitles } from '#evidence';
import {
  type ExportReport,
  type ExportRequest,
  type Profile,
  profiles,
  resolveProfile,
  runExport,
  runPlan,
} from '#export';
import type { OpenOptions } from '#oci/transfer';
import {
  describeIgnored,
  describeLosses,
  describeWithheld,
  type NamedDatabase,
  type OpenPlace,
  type OpenTufListing,
  openDestinations,
  openPlace,
  openTufListing,
  parseDatabase,
  parseDestinations,
  parseSignedAs,
  readTufListing,
  referencesOf,
  type TufListingOptions,
  writeExportReport,
} from '../export.ts';
import { type Io, writeText } from '../io.ts';
import { loadSigner } from '../key-files.ts';
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
import { createProgressLine } from '../progress.ts';
import { packageVersion } from '../version.ts';
import { profileOptionsFrom, withProfileOptions } from './profile-options.ts';
import { type SelectorOptions, selectorFrom, withSelectorOptions } from './selector-options.ts';
import { readTrustedRoot, withListingOptions } from './tuf-options.ts';

/** The options of `export` and `plan`, as commander collects them. */
interface ExportOptions extends CommonOptions, SelectorOptions, TransportOptions, TufListingOptions {
  readonly profile: string;
  readonly source?: readonly string[];
  readonly baseDb?: NamedDatabase;
  readonly baseDbKey?: string;
  readonly to: readonly string[];
  readonly key?: string;
  readonly unsigned: boolean;
  readonly signedAs?: string;
  readonly asOf?: ExportRequest['asOf'];
  readonly tenant: string;
  readonly withholdInvalid: boolean;
  /** The same by its former name. */
  readonly skipInvalid?: boolean;
  readonly builderId: string;
}

const BUILDER_ID = 'https://stellaops.io/export-center/builder/command-line/v1';

/** `export`: builds, signs and publishes. */
export function exportCommand(command: Command, io: Io): void {
  withListingOptions(withTransportOptions(withRequestOptions(command)))
    .requiredOption('--to <reference>', 'where to publish, with a tag (repeatable)', collect)
    .option('--key <file>', 'private key to sign with (cosign.key); this or --unsigned is required')
    .option('--unsigned', 'publish without signature and provenance', false)
    .option(
      '--signed-as <host/repo>',
      'repository name to put into the signature when the target is a layout',
      parsing(parseSignedAs),
    )
    .option('--builder-id <uri>', 'builder.id in the provenance', parsing(parseBuilderId), BUILDER_ID)
    .addHelpText('after', EXPORT_EXAMPLES)
    .action((options: ExportOptions) => publish(io, options));
}

/** `plan`: builds the same, shows it, and publishes nothing; it opens no registry but that of --base-db. */
export function planCommand(command: Command, io: Io): void {
  withTransportOptions(withRequestOptions(command))
    .option('--to <reference>', 'where export would publish (repeatable)', collect)
    .addHelpText('after', '\nExample:\n  export-center plan --profile json:raw --source osv-go.zip --output json')
    .action((options: ExportOptions) => plan(io, options));
}

const EXPORT_EXAMPLES = `
Examples:
  export-center export --profile json:raw --source osv-go.zip --to oci:out/layout:go --key keys/cosign.key
  export-center export --profile trivy:db --source osv-go.zip --source osv-pypi.zip \\
      --to 127.0.0.1:8080/security/trivy-db:2 --to 127.0.0.1:8080/security/trivy-db:2-monday --key keys/cosign.key
  export-center export --profile json:raw --source osv-go.zip --to registry.example/security/go:1 --key keys/cosign.key \\
      --tuf tuf/ --tuf-stream-key keys/stream.key --tuf-online-key keys/online.key
  export-center export --profile trivy:db --source advisories/ --base-db ghcr.io/aquasecurity/trivy-db@sha256:DIGEST \\
      --to registry.example/security/trivy-db:2 --key keys/cosign.key
  export-center export --profile json:raw --source records/ --ecosystem npm --min-severity high \\
      --to registry.example/security/npm:high --key keys/cosign.key`;

function withRequestOptions(command: Command): Command {
  command
    .addOption(
      new Option('--profile <name>', `what to build: ${profiles.map(({ name }) => name).join(' or ')}`)
        .argParser((name) => resolveProfile(name).name)
        .makeOptionMandatory(),
    )
    .option(
      '--source <path>',
      `directory, archive, file or pulled bundle of ${formatTitles} records (repeatable; required without --base-db)`,
      collect,
    )
    .option(
      '--base-db <place>',
      'Trivy database to merge the records into: HOST/REPO@sha256:…, oci:DIR:NAME, or a trivy.db or db.tar.gz[@sha256:…]',
      parsing(parseBase),
    )
    .option('--base-db-key <file>', 'public key that must have signed --base-db, which may then be a tag')
    .option('--as-of <time>', 'date of the bundle (default: the date of its newest record)', parsing(parseInstant))
    .option('--tenant <name>', 'tenant that the evidence belongs to', parsing(parseTenant), 'default')
    .option('--withhold-invalid', 'withhold invalid records and list them in the bundle, instead of failing', false)
    .addOption(new Option('--skip-invalid', 'former name of --withhold-invalid').hideHelp());
  return withCommonOptions(withSelectorOptions(withProfileOptions(command)));
}

async function publish(io: Io, options: ExportOptions): Promise<void> {
  if ((options.key === undefined) !== options.unsigned) throw signOrNot(options.key !== undefined);
  const references = parseDestinations(options.to ?? []);
  const request = requestFrom(options);
  const signer = options.key === undefined ? undefined : await loadSigner(io, options.key);
  const tuf = await readTufListing(io, options, readTrustedRoot);
  const watch = watchRun(io, options);
  const all = [
    ...references,
    ...(tuf?.reference === undefined ? [] : [tuf.reference]),
    ...referencesOf(options.baseDb),
  ];
  const opening = await openOptions(io, all, options, watch.progress);
  const destinations = await openDestinations(references, { ...opening, signedAs: options.signedAs });
  let listing: OpenTufListing | undefined;
  let base: OpenPlace | undefined;
  let report: ExportReport;
  try {
    base = await openBase(options, opening);
    listing = tuf && (await openTufListing(tuf, opening));
    report = await runExport(
      { ...request, base: base?.place },
      {
        ...watch.options,
        destinations: destinations.list,
        tuf: listing?.listing,
        signer,
        builderId: options.builderId,
        builderVersion: { 'export-center': packageVersion(), node: process.versions.node },
        clock: systemClock,
      },
    );
  } finally {
    watch.end();
    await destinations.close();
    await base?.close();
    await listing?.close();
  }
  await writeText(resultStream(io, references), writeExportReport(report, options.output));
}

async function plan(io: Io, options: ExportOptions): Promise<void> {
  const references = parseDestinations(options.to ?? []);
  const request = requestFrom(options);
  const watch = watchRun(io, options);
  let base: OpenPlace | undefined;
  let report: ExportReport;
  try {
    base = await openBase(options, await openOptions(io, referencesOf(options.baseDb), options, watch.progress));
    report = await runPlan({ ...request, base: base?.place }, { ...watch.options, references });
  } finally {
    watch.end();
    await base?.close();
  }
  await writeText(io.stdout, writeExportReport(report, options.output));
}

async function openBase({ baseDb, baseDbKey }: ExportOptions, opening: OpenOptions): Promise<OpenPlace | undefined> {
  return baseDb && openPlace(baseDb, opening, baseDbKey);
}

/** What a run tells the user while it works, and how the user stops it. */
function watchRun(io: Io, { quiet }: CommonOptions) {
  const progress = createProgressLine(io, quiet);
  const note = (text: string) => {
    progress.clear();
    if (!quiet) io.stderr.write(text);
  };
  const onIgnored = (...about: Parameters<typeof describeIgnored>) => note(describeIgnored(...about));
  const onWithheld = (...about: Parameters<typeof describeWithheld>) => note(describeWithheld(...about));
  const onLosses = (...about: Parameters<typeof describeLosses>) => note(describeLosses(...about));
  const options = { signal: io.signal, onProgress: progress.listen, onIgnored, onWithheld, onLosses };
  return { options, progress, end: () => progress.clear() };
}

function requestFrom(options: ExportOptions): ExportRequest {
  const profile = resolveProfile(options.profile);
  const { source = [], baseDb, baseDbKey } = options;
  if (source.length === 0 && baseDb === undefined) throw noSource(profile);
  if (baseDbKey !== undefined && baseDb === undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', '--base-db-key requires --base-db', {
      hint: 'name the database that the key must have signed with --base-db',
    });
  }
  return {
    profile: profile.name,
    sources: source,
    selector: selectorFrom(options),
    tenant: options.tenant,
    asOf: options.asOf,
    withholdInvalid: options.withholdInvalid || options.skipInvalid === true,
    options: profileOptionsFrom(profile, options),
  };
}

/** Of two, one would be dropped without a word. */
function parseBase(text: string, previous?: NamedDatabase): NamedDatabase {
  if (previous === undefined) return parseDatabase(text);
  throw new CodedError('ERR_EXPORT_USAGE', 'specify one database', {
    hint: 'merge the second one in another export, whose --base-db is the result of this one',
  });
}

function noSource({ takesBase }: Profile): CodedError {
  const options = takesBase === true ? '--source or --base-db' : '--source';
  return new CodedError('ERR_EXPORT_USAGE', `${options} is required`, {
    hint: 'name a directory, an archive or a file of records with --source PATH',
  });
}

function parseBuilderId(text: string): string {
  if (URL.canParse(text)) return text;
  throw new CodedError('ERR_EXPORT_USAGE', `not a valid URI: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'specify a URI that identifies this builder, such as https://example.com/exports/nightly',
  });
}

function signOrNot(both: boolean): CodedError {
  const what = both ? "--key can't be used with --unsigned" : '--key or --unsigned is required';
  return new CodedError('ERR_EXPORT_USAGE', what, {
    hint: 'use --key FILE to sign, or --unsigned to publish without a signature',
  });
}
