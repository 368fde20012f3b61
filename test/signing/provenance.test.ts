import { describe, expect, it } from 'vitest';
import { digestOf, type Instant, type JsonObject, type JsonValue } from '#core';
import {
  encodeStatement,
  exportBuild,
  makeStatement,
  type Provenance,
  parseProvenance,
  parseStatement,
  predicateTypes,
  provenanceStatement,
  type Statement,
  subjectOf,
} from '#signing';

const manifest = subjectOf(digestOf('a manifest'));
const exportJson = subjectOf(digestOf('an export.json referrer'), 'export.json');

const provenance: Provenance = {
  externalParameters: {
    profile: { kind: 'trivy', variant: 'db', name: 'trivy:db', revision: 'r1' },
    tenant: 'default',
    selector: { ecosystems: ['Go', 'PyPI'], minimumSeverity: 'high' },
    asOf: '2026-08-22T00:00:00Z' as Instant,
    options: {
      skipInvalid: true,
      validForSeconds: 86_400,
      dataSources: [
        { prefix: 'GO-', id: 'govulndb', name: 'The Go Vulnerability Database', url: 'https://pkg.go.dev/vuln/' },
      ],
      sourcePrecedence: ['govulndb'],
    },
  },
  internalParameters: { adapters: { trivy: 1 } },
  resolvedDependencies: [{ name: 'osv-go.zip', uri: 'file:osv-go.zip', digest: { sha256: digestOf('zip').slice(7) } }],
  builder: { id: 'https://example.org/export-center/cli', version: { 'export-center': '0.1.0' } },
  run: {
    invocationId: '0b1c',
    startedOn: '2026-08-23T10:00:00Z' as Instant,
    finishedOn: '2026-08-23T10:00:05Z' as Instant,
  },
  byproducts: [{ name: 'ignored.json', digest: { sha256: digestOf('ignored').slice(7) } }],
};

function changed(change: (predicate: { [key: string]: JsonValue }) => void): Statement {
  const statement = provenanceStatement([manifest], provenance, exportBuild);
  const predicate = structuredClone(statement.predicate) as { [key: string]: JsonValue };
  change(predicate);
  return makeStatement([manifest], predicateTypes.slsaProvenance, predicate as JsonObject);
}

describe('provenance', () => {
  it('is SLSA v1 about the manifest and what else the build made', () => {
    const statement = provenanceStatement([manifest, exportJson], provenance, exportBuild);
    expect(statement.subject).toEqual([manifest, exportJson]);
    expect(statement.predicateType).toBe('https://slsa.dev/provenance/v1');
    expect(statement.predicate).toEqual({
      buildDefinition: {
        buildType: exportBuild.uri,
        externalParameters: provenance.externalParameters,
        internalParameters: provenance.internalParameters,
        resolvedDependencies: provenance.resolvedDependencies,
      },
      runDetails: { builder: provenance.builder, metadata: provenance.run, byproducts: provenance.byproducts },
    });
  });

  it('reads back what it wrote', () => {
    const bytes = encodeStatement(provenanceStatement([manifest, exportJson], provenance, exportBuild));
    expect(parseProvenance(parseStatement(bytes, 'p'), 'p', exportBuild)).toEqual(provenance);
    const { internalParameters: _, byproducts: __, ...least } = provenance;
    const small = { ...least, resolvedDependencies: [], builder: { id: 'urn:x' } };
    expect(parseProvenance(provenanceStatement([manifest], small, exportBuild), 'p', exportBuild)).toEqual(small);
  });

  it('differs between two runs of one export in runDetails alone', () => {
    const later = { ...provenance.run, invocationId: 'other', finishedOn: '2026-08-23T10:00:09Z' as Instant };
    const [one, two] = [provenance, { ...provenance, run: later }].map((p) =>
      provenanceStatement([manifest], p, exportBuild),
    );
    expect(one?.predicate['buildDefinition']).toEqual(two?.predicate['buildDefinition']);
    expect(one?.predicate['runDetails']).not.toEqual(two?.predicate['runDetails']);
  });

  it('is undefined for other predicates and other build types, which may be signed by the same key', () => {
    expect(parseProvenance(makeStatement([manifest], 'https://example.org/p', {}), 'p', exportBuild)).toBeUndefined();
    const other = changed((predicate) => {
      predicate['buildDefinition'] = { buildType: 'https://example.org/other', externalParameters: {} };
    });
    expect(parseProvenance(other, 'p', exportBuild)).toBeUndefined();
    expect(
      parseProvenance(
        changed((predicate) => delete predicate['buildDefinition']),
        'p',
        exportBuild,
      ),
    ).toBeUndefined();
  });

  it.each<[string, (definition: Record<string, JsonValue>, details: Record<string, JsonValue>) => void, string]>([
    ['an unknown parameter', (d) => Object.assign(d['externalParameters'] as object, { x: 1 }), '/x is not known'],
    [
      'a parameter missing',
      (d) => delete (d['externalParameters'] as Record<string, JsonValue>)['asOf'],
      '/asOf is missing',
    ],
    ['a wrong parameter', (d) => Object.assign(d['externalParameters'] as object, { tenant: 'A B' }), '/tenant'],
    ['no parameters', (d) => delete d['externalParameters'], 'the document'],
    ['dependencies that are none', (d) => Object.assign(d, { resolvedDependencies: [1] }), 'resource descriptors'],
    [
      'a dependency with a number for a name',
      (d) => Object.assign(d, { resolvedDependencies: [{ name: 1 }] }),
      'wrong type',
    ],
    ['no builder', (_, r) => delete r['builder'], 'builder.id'],
    ['no invocation', (_, r) => delete r['metadata'], 'metadata'],
    ['a start that is no time', (_, r) => Object.assign(r['metadata'] as object, { startedOn: 'now' }), 'metadata'],
  ])('refuses ours with %s', (_, change, what) => {
    const statement = changed((predicate) =>
      change(
        predicate['buildDefinition'] as Record<string, JsonValue>,
        predicate['runDetails'] as Record<string, JsonValue>,
      ),
    );
    expect(() => parseProvenance(statement, 'the provenance', exportBuild)).toThrow(
      expect.objectContaining({
        code: 'ERR_EXPORT_PROVENANCE_MISMATCH',
        message: expect.stringMatching(new RegExp(`^the provenance: .*${what}`)),
      }),
    );
  });

  it('is not written with parameters beyond the schema, or about anything but hex digests', () => {
    const externalParameters = { ...provenance.externalParameters, password: 'x' } as never;
    expect(() => provenanceStatement([manifest], { ...provenance, externalParameters }, exportBuild)).toThrow(
      expect.objectContaining({
        code: 'ERR_EXPORT_SCHEMA',
        message: expect.stringContaining('/password is not known'),
      }),
    );
    expect(() => provenanceStatement([{ digest: { gitCommit: 'not hex' } }], provenance, exportBuild)).toThrow(
      RangeError,
    );
  });
});
