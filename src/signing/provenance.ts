import { CodedError, type Instant, instantFrom, type JsonObject, type JsonValue } from '#core';
import {
  checkExportProvenanceParameters,
  type ExportProvenanceParameters,
} from './export-provenance-parameters.generated.ts';
import { asObject, asString } from './faults.ts';
import {
  makeStatement,
  predicateTypes,
  type ResourceDescriptor,
  resourcesFrom,
  type Statement,
  type StatementSubject,
} from './statement.ts';

/** A way to build, as provenance names it, and what its parameters must be. */
export interface BuildType<P extends object> {
  /** The version in it rises when a verifier of the old one could misread the new one. */
  readonly uri: string;
  /** @throws CodedError ERR_EXPORT_SCHEMA for parameters that do not conform */
  check(parameters: JsonValue, name: string): P;
}

/** How a bundle is built; docs/formats/signing.md says what the parameters mean. */
export const exportBuild: BuildType<ExportProvenanceParameters> = {
  uri: 'https://stellaops.io/export-center/build/export/v1',
  check: checkExportProvenanceParameters,
};

/** Who ran the build. */
export interface ProvenanceBuilder {
  /** One URI for each instance and way of being trusted; a verifier pairs it with the signing key. */
  readonly id: string;
  /** Versions of what the builder consists of, by name. */
  readonly version?: Readonly<Record<string, string>>;
}

/** One execution of the build: what differs between two runs of the same export. */
export interface ProvenanceRun {
  readonly invocationId: string;
  readonly startedOn: Instant;
  readonly finishedOn: Instant;
}

/** What a provenance says, of a build with parameters of type P. */
export interface Provenance<P extends object = ExportProvenanceParameters> {
  /** The complete request. */
  readonly externalParameters: P;
  /** What the builder chose by itself, e.g. the versions of its adapters. */
  readonly internalParameters?: JsonObject;
  /** Sources and other documents that went in. */
  readonly resolvedDependencies: readonly ResourceDescriptor[];
  readonly builder: ProvenanceBuilder;
  readonly run: ProvenanceRun;
  /** Reports that came out beside the subjects. */
  readonly byproducts?: readonly ResourceDescriptor[];
}

/**
 * The SLSA provenance v1 of an artifact (slsa.dev/spec/v1.0/provenance).
 *
 * @param subjects the manifest, and what else the same build made; each by digest
 * @throws RangeError for subjects that no cosign would take; CodedError ERR_EXPORT_SCHEMA for parameters that do not
 *   conform to the build type
 */
export function provenanceStatement<P extends object>(
  subjects: readonly StatementSubject[],
  provenance: Provenance<P>,
  buildType: BuildType<P>,
): Statement {
  const { internalParameters, builder, byproducts } = provenance;
  const externalParameters = toJson(provenance.externalParameters);
  buildType.check(externalParameters, 'the externalParameters');
  const predicate: JsonObject = {
    buildDefinition: {
      buildType: buildType.uri,
      externalParameters,
      ...(internalParameters === undefined ? {} : { internalParameters }),
      resolvedDependencies: toJson(provenance.resolvedDependencies),
    },
    runDetails: {
      builder: toJson(builder),
      metadata: { ...provenance.run },
      ...(byproducts === undefined ? {} : { byproducts: toJson(byproducts) }),
    },
  };
  return makeStatement(subjects, predicateTypes.slsaProvenance, predicate);
}

/** Interfaces have no index signature, so the compiler does not see that these hold nothing but JSON. */
function toJson(value: object): JsonValue {
  return value as JsonValue;
}

/**
 * What a statement says, where it is a provenance of a build type; undefined for another predicate or build type.
 * Call it only with a statement whose signature was good; the parameters are for the caller to compare.
 *
 * @throws CodedError ERR_EXPORT_PROVENANCE_MISMATCH where it does not conform to what the build type promises
 */
export function parseProvenance<P extends object>(
  statement: Statement,
  name: string,
  buildType: BuildType<P>,
): Provenance<P> | undefined {
  const definition = asObject(statement.predicate['buildDefinition']);
  const ours = statement.predicateType === predicateTypes.slsaProvenance;
  if (!ours || definition?.['buildType'] !== buildType.uri) return undefined;
  try {
    const parameters = buildType.check(definition['externalParameters'] ?? null, name);
    return provenanceFrom(parameters, definition, asObject(statement.predicate['runDetails']) ?? {}, name);
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_PROVENANCE_MISMATCH', `${name}: ${(cause as Error).message}`, {
      hint: 'the provenance is signed but not of the form that its build type promises; delete it, then run the command that made it again',
      details: { name },
      cause,
    });
  }
}

function provenanceFrom<P extends object>(
  externalParameters: P,
  definition: JsonObject,
  details: JsonObject,
  name: string,
): Provenance<P> {
  const internalParameters = asObject(definition['internalParameters']);
  const { byproducts } = details;
  return {
    externalParameters,
    ...(internalParameters === undefined ? {} : { internalParameters }),
    resolvedDependencies: resourcesFrom(definition['resolvedDependencies'], name),
    builder: builderFrom(asObject(details['builder'])),
    run: runFrom(asObject(details['metadata'])),
    ...(byproducts === undefined ? {} : { byproducts: resourcesFrom(byproducts, name) }),
  };
}

function builderFrom(builder: JsonObject | undefined): ProvenanceBuilder {
  const id = asString(builder?.['id']);
  if (id === undefined) throw new TypeError('runDetails.builder.id is missing');
  const version = asObject(builder?.['version']);
  if (version === undefined) return { id };
  const versions = Object.entries(version).map(([name, text]) => [name, String(text)]);
  return { id, version: Object.fromEntries(versions) as Record<string, string> };
}

function runFrom(metadata: JsonObject | undefined): ProvenanceRun {
  const invocationId = asString(metadata?.['invocationId']);
  const startedOn = instantFrom(asString(metadata?.['startedOn']) ?? '');
  const finishedOn = instantFrom(asString(metadata?.['finishedOn']) ?? '');
  if (invocationId !== undefined && startedOn !== undefined && finishedOn !== undefined) {
    return { invocationId, startedOn, finishedOn };
  }
  throw new TypeError('runDetails.metadata lacks invocationId, startedOn or finishedOn');
}
