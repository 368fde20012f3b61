import { describe, expect, it } from 'vitest';
import { digestOf, isCoded } from '#core';
import { encodeStatement, makeStatement, parseStatement, signatureStatement, subjectOf } from '#signing';
import { readJson } from '../core/read-json.ts';

const manifest = digestOf('a manifest');
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const valid = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'x', digest: { sha256: manifest.slice(7) } }],
  predicateType: 'https://example.org/predicate/v1',
  predicate: { a: 1 },
};

describe('statements', () => {
  it('writes a signature as cosign does: its predicate type, empty, and one subject without a name', () => {
    expect(readJson(Buffer.from(encodeStatement(signatureStatement(manifest))).toString())).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: manifest.slice(7) } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    });
  });

  it('gives equal statements equal bytes, whatever the order of members', () => {
    const one = makeStatement([{ name: 'n', digest: { sha256: manifest.slice(7) } }], 'p', { a: 1, b: 2 });
    const other = makeStatement([{ digest: { sha256: manifest.slice(7) }, name: 'n' }], 'p', { b: 2, a: 1 });
    expect(encodeStatement(one)).toEqual(encodeStatement(other));
  });

  it('reads what it wrote, and the v0.1 that older cosigns write', () => {
    const statement = makeStatement([subjectOf(manifest, 'n')], 'p', { a: [1, { b: null }] });
    expect(parseStatement(encodeStatement(statement), 's')).toEqual(statement);
    const old = { ...valid, _type: 'https://in-toto.io/Statement/v0.1' };
    expect(parseStatement(bytesOf(old), 's')._type).toBe(old._type);
  });

  it.each([
    ['no subject', []],
    ['1,025 subjects', Array.from({ length: 1025 }, () => subjectOf(manifest))],
    ['a git commit in base64', [{ digest: { gitCommit: 'Zm9vYmFy+w==' } }]],
    ['upper-case hex', [{ digest: { sha256: manifest.slice(7).toUpperCase() } }]],
    ['a short sha256', [{ digest: { sha256: 'abcd' } }]],
    ['an odd number of digits', [{ digest: { sha1: 'abc' } }]],
    ['an empty digest set', [{ digest: {} }]],
    ['one good subject and one that is not hex', [subjectOf(manifest), { digest: { x: 'not hex' } }]],
  ])('neither makes nor accepts a statement about %s', (_, subject) => {
    expect(() => makeStatement(subject as never, 'p', {})).toThrow(RangeError);
    const parse = () => parseStatement(bytesOf({ ...valid, subject }), 's');
    expect(parse).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' }));
  });

  it.each([
    ['an unknown member', { ...valid, extra: 1 }],
    ['another _type', { ...valid, _type: 'https://in-toto.io/Statement/v2' }],
    ['no predicateType', { ...valid, predicateType: undefined }],
    ['a predicate that is no object', { ...valid, predicate: [] }],
    ['no predicate', { ...valid, predicate: undefined }],
    ['an unknown member of a subject', { ...valid, subject: [{ ...valid.subject[0], size: 1 }] }],
    ['a subject name that is no string', { ...valid, subject: [{ ...valid.subject[0], name: 1 }] }],
    ['a subject that is no object', { ...valid, subject: ['x'] }],
    ['an array at the top', [valid]],
  ])('refuses %s', (_, value) => {
    const parse = () => parseStatement(bytesOf(value), 's');
    expect(parse).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' }));
  });

  it('refuses a duplicate member, which two readers would understand differently', () => {
    const text = JSON.stringify(valid).replace('{"_type"', '{"predicateType":"https://other","_type"');
    try {
      parseStatement(Buffer.from(text), 'the payload');
      expect.unreachable();
    } catch (error) {
      expect(isCoded(error, 'ERR_EXPORT_SIGNATURE_INVALID')).toBe(true);
      expect((error as Error).message).toContain('duplicate member "predicateType"');
    }
  });
});
