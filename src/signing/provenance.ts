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

/**
 * How a bundle is built, as provenance names it: docs/formats/signing.md says what the parameters mean.
 * The version rises when a verifier of the old one could misread the new one.
 */
export const exportBuildType = 'https://stellaops.io/export-center/build/export/v1';

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

/** What the provenance of a bundle says. */
export interface Provenance {
  /** The complete request. */
  readonly externalParameters: ExportProvenanceParameters;
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
 * The SLSA provenance v1 of a bundle (slsa.dev/spec/v1.0/provenance), of build type exportBuildType.
 *
 * @param subjects the manifest, and what else the same build made; each by digest
 * @throws RangeError for subjects that no cosign would take; CodedError ERR_EXPORT_SCHEMA for parameters that do not
 *   conform to manifests-schema/export-provenance-parameters.schema.json
 */
export function provenanceStatement(subjects: readonly StatementSubject[], provenance: Provenance): Statement {
  const { internalParameters, builder, byproducts } = provenance;
  const externalParameters = toJson(provenance.externalParameters);
  checkExportProvenanceParameters(externalParameters, 'the externalParameters');
  const predicate: JsonObject = {
    buildDefinition: {
      buildType: exportBuildType,
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
 * What a statement says, where it is the provenance of a bundle; undefined for another predicate or build type.
 * Call it only with a statement whose signature was good; the parameters are for the caller to compare.
 *
 * @throws CodedError ERR_EXPORT_PROVENANCE_MISMATCH where it does not conform to what the build type promises
 */
export function parseProvenance(statement: Statement, name: string): Provenance | undefined {
  const definition = asObject(statement.predicate['buildDefinition']);
  const ours = statement.predicateType === predicateTypes.slsaProvenance;
  if (!ours || definition?.['buildType'] !== exportBuildType) return undefined;
  try {
    return provenanceFrom(definition, asObject(statement.predicate['runDetails']) ?? {}, name);
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_PROVENANCE_MISMATCH', `${name}: ${(cause as Error).message}`, {
      hint: 'the provenance is signed but not of the form that its build type promises; delete it, then export again to make a new one',
      details: { name },
      cause,
    });
  }
}

function provenanceFrom(definition: JsonObject, details: JsonObject, name: string): Provenance {
  const internalParameters = asObject(definition['internalParameters']);
  const { byproducts } = details;
  return {
    externalParameters: checkExportProvenanceParameters(definition['externalParameters'] ?? null, name),
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
