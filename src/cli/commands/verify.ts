import { type Command, Option } from 'commander';
import {
  addSeconds,
  compareInstants,
  type Instant,
  instantOf,
  parseDuration,
  parseInstant,
  parseTenant,
  systemClock,
} from '#core';
import { type Expectation, profiles, resolveProfile, type VerifyReport, verifyArtifact } from '#export';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { type Io, writeText } from '../io.ts';
import { loadVerifier } from '../key-files.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import {
  type CommonOptions,
  openOptions,
  parsing,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from '../options.ts';
import { createProgressLine } from '../progress.ts';

interface VerifyCommandOptions extends CommonOptions, TransportOptions {
  readonly key: string;
  readonly profile?: string;
  readonly tenant?: string;
  readonly minAsOf?: Instant;
  /** In seconds. */
  readonly maxAge?: number;
}

const EXAMPLES = `
A tag can be moved to another bundle signed with the same key: in a pipeline, specify which bundle you expect.

Example:
  export-center verify 127.0.0.1:8080/security/trivy-db:2 --key keys/cosign.pub --profile trivy:db --tenant default --max-age 48h`;

/** `verify`: proves an artifact with the public key alone. */
export function verifyCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by tag or digest')
    .requiredOption('--key <file>', 'public key to verify with (cosign.pub)')
    .addOption(
      new Option(
        '--profile <name>',
        `fail unless the bundle has this profile: ${profiles.map(({ name }) => name).join(' or ')}`,
      ).argParser(parsing((name) => resolveProfile(name).name)),
    )
    .option('--tenant <name>', 'fail unless the bundle belongs to this tenant', parsing(parseTenant))
    .option('--min-as-of <time>', 'fail unless its asOf is at or after this time', parsing(parseInstant))
    .option('--max-age <duration>', 'fail if its asOf is older than this, such as 48h or 7d', parsing(parseDuration))
    .addHelpText('after', EXAMPLES);
  withTransportOptions(withCommonOptions(command)).action((text: string, options: VerifyCommandOptions) =>
    verifyReference(io, text, options),
  );
}

async function verifyReference(io: Io, text: string, options: VerifyCommandOptions): Promise<void> {
  const reference = parseReference(text);
  const verifier = await loadVerifier(options.key);
  const progress = createProgressLine(io, options.quiet);
  const repository = await openRepository(reference, await openOptions(io, [reference], options, progress));
  let report: VerifyReport;
  try {
    const watched = { signal: io.signal, onProgress: progress.listen };
    report = await verifyArtifact(reference, repository, verifier, { expected: expectationOf(options), ...watched });
  } finally {
    progress.clear();
    await repository.close();
  }
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(report)}\n` : describeProof(report));
}

function expectationOf({ profile, tenant, minAsOf, maxAge }: VerifyCommandOptions): Expectation {
  if (maxAge === undefined) return { profile, tenant, minAsOf };
  const oldest = addSeconds(instantOf(systemClock.now()), -maxAge);
  return { profile, tenant, minAsOf: minAsOf !== undefined && compareInstants(minAsOf, oldest) > 0 ? minAsOf : oldest };
}

/** The names of cosign's two formats of signatures. */
const FORMS = { tag: 'cosign tag', sigstoreBundle: 'sigstore bundle' } as const;

/** What has been proven, for a person. */
function describeProof(report: VerifyReport): string {
  const total = report.layers.reduce((sum, layer) => sum + layer.size, 0);
  const lines = [
    `verified  ${report.reference}`,
    `  key         ${report.keyid}`,
    `  signature   ${report.signatureForms.map((form) => FORMS[form]).join(' and ')}`,
    `  provenance  ${report.provenanceForms.map((form) => FORMS[form]).join(' and ')}, by ${report.builders.join(', ')}`,
    `  content     ${report.profile} of ${report.tenant}, as of ${report.asOf}, ${plural(report.records.kept, 'record')}`,
    `  layers      ${report.layers.length} read and checked, ${formatBytes(total)}`,
  ];
  if (report.merge !== undefined) lines.splice(-1, 0, `  merged      into the trivy.db ${report.merge.digest}`);
  if (report.otherSigners > 0) lines.push(`  ignored     ${plural(report.otherSigners, 'signature')} by other keys`);
  return asLines(lines);
}
